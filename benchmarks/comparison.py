"""Does replay help? ARPO against GRPO, from the same checkpoint, on tasks and seeds that were fixed beforehand.

Each comparison of `compare.yaml` trains both arms of a seed side by side (so that whatever else the machine does meets
both alike), with the same tasks in the same order and the same noise. The arms are compared after equal environment
steps, and after equal processor time (for each seed, what the cheaper arm used in all). What would make it unfair:
choosing seeds, tasks or budgets after looking, comparing at equal training steps (episodes differ in length), or
measuring on the few tasks of a validation.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from arpo_engine.tasks import load_split
from benchmarks.common import print_table
from benchmarks.comparison_figures import Arm, Counts, figures
from benchmarks.comparison_plan import SPLITS, CompareFile, Comparison, read_plan, write_tasks
from benchmarks.comparison_plot import write_curves
from benchmarks.comparison_runs import Point, Practice, finished, read_practice
from benchmarks.engine import ENGINE, run_side_by_side

QUICK_SEEDS = 2
QUICK_ENV_STEPS = 40
QUICK = (
    "limits.steps=4",
    "optimizer.warmup_steps=1",
    "rollout.tasks_per_step=2",
    "rollout.group_size=2",
    "desktops.count=4",
    "evaluation.tasks=3",
)


def compare(out: Path, *, quick: bool) -> dict[str, Any]:
    """Every comparison of the file; runs that `out` holds to their end already are not repeated."""
    plan = read_plan()
    done = {name: _compare(plan, comparison, out / name, quick) for name, comparison in plan.comparisons.items()}
    first = next(iter(done.values()))
    return {**first, "comparisons": done}


def _compare(plan: CompareFile, comparison: Comparison, out: Path, quick: bool) -> dict[str, Any]:
    preset = yaml.safe_load(plan.preset.read_text(encoding="utf-8"))
    write_tasks(plan, comparison, Path(preset["tasks"]["source"]), out / "tasks")
    budget = QUICK_ENV_STEPS if quick else comparison.env_steps
    seeds = comparison.seeds[:QUICK_SEEDS] if quick else comparison.seeds
    words = (*plan.settings, *comparison.settings, f"tasks.source={out / 'tasks'}", *(QUICK if quick else ()))
    arms: dict[str, list[Arm]] = {name: [] for name in plan.arms}
    for seed in seeds:
        practices = _practise(plan, words, seed, out)
        for practice in practices.values():
            if practice.points[-1].env_steps < budget:
                raise SystemExit(
                    f"{practice.run_dir} took {practice.points[-1].env_steps} environment steps, and the arms are "
                    f"compared after {budget}; give the comparison more limits.steps"
                )
        for name, arm in _measure(plan, comparison, words, practices, budget, out).items():
            arms[name].append(arm)
    told = figures(arms, env_steps=budget, never_solved=plan.never_solved)
    write_curves(out / "curves.svg", arms, budget, comparison.title)
    return {"title": comparison.title, "seeds": list(seeds), **told}


def _practise(plan: CompareFile, words: tuple[str, ...], seed: int, out: Path) -> dict[str, Practice]:
    folders = {name: out / f"{name}-{seed}" for name in plan.arms}
    common = (ENGINE, "train", "--no-resume", "--quiet", "--config", str(plan.preset), f"seed={seed}", *words)
    commands = [
        (*common, *plan.arms[name], "--run-dir", str(folder))
        for name, folder in folders.items()
        if not finished(folder)
    ]
    run_side_by_side(commands)
    return {name: read_practice(folder) for name, folder in folders.items()}


def _measure(
    plan: CompareFile,
    comparison: Comparison,
    words: tuple[str, ...],
    practices: dict[str, Practice],
    budget: int,
    out: Path,
) -> dict[str, Arm]:
    """Both arms at both budgets; a policy that both budgets choose is measured once."""
    cheaper = min(practice.points[-1].cpu_s for practice in practices.values())
    chosen: dict[str, tuple[Point, Point]] = {
        name: (practice.at(budget), practice.within(cheaper)) for name, practice in practices.items()
    }
    wanted = {
        (name, point.step): practices[name].run_dir / f"measured-{point.step:06d}"
        for name, points in chosen.items()
        for point in points
    }
    common = (ENGINE, "evaluate", "--no-resume", "--quiet", "--config", str(plan.preset), "kind=evaluate", *words)
    commands = [
        (
            *common,
            f"model.path={practices[name].policies[step]}",
            f"evaluation.attempts={comparison.attempts}",
            *("--run-dir", str(folder)),
        )
        for (name, step), folder in wanted.items()
        if not finished(folder)
    ]
    for start in range(0, len(commands), 2):
        run_side_by_side(commands[start : start + 2])
    return {
        name: Arm(practices[name], *(_counts(wanted[name, point.step], out / "tasks") for point in points))
        for name, points in chosen.items()
    }


def _counts(measured: Path, tasks: Path) -> dict[str, Counts]:
    """Feasible tasks only; the others are counted apart everywhere."""
    data = json.loads((measured / "results" / "evaluation.json").read_text(encoding="utf-8"))
    counts: dict[str, Counts] = {}
    for split in SPLITS:
        by_task, feasible = data["splits"][split]["by_task"], load_split(tasks, split)
        counts[split] = {
            task.id: tuple(by_task[task.id]) for task in feasible if not task.infeasible and task.id in by_task
        }
    return counts


def show(figures_of_all: dict[str, Any]) -> None:
    """The table for people."""
    rows = [["comparison", "measured", "ARPO", "GRPO", "ARPO − GRPO (95 %)", "p", "seeds ahead"]]
    for name, told in figures_of_all["comparisons"].items():
        at_end = {
            **{key: told[key] for key in ("arpo", "grpo", "p_value")},
            "difference": told["arpo_minus_grpo_points"],
            "ci95_half_width": told["ci95_half_width_points"],
            "per_seed": told["per_seed_points"],
        }
        lines = {
            "training tasks": at_end,
            "held-out tasks": told["held_out"],
            "while practising": told["during_practice"],
            "training, equal CPU": told["equal_cpu"]["train"],
            "held-out, equal CPU": told["equal_cpu"]["held_out"],
        }
        rows += [[name, label, *_line(line)] for label, line in lines.items()]
    print_table(rows)
    for name, told in figures_of_all["comparisons"].items():
        first, replay = told["steps_to_first_success"], told["replay"]
        print(
            f"\n{name}: first success on {first['tasks']} never-solved tasks after {first['median']['arpo']:.0f} "
            f"(ARPO) and {first['median']['grpo']:.0f} (GRPO) environment steps (medians); replay stepped in "
            f"{replay['arpo']['injections']} times in {replay['arpo']['groups']} groups, of which "
            f"{100 * replay['arpo']['failed_groups_share']:.0f} % had no success of their own"
        )


def _line(told: dict[str, Any]) -> list[str]:
    def spread(name: str) -> str:
        return f"{100 * told[name]['mean']:.1f} ± {100 * told[name]['sd']:.1f} %"

    ahead = sum(one > 0 for one in told["per_seed"]), sum(one < 0 for one in told["per_seed"])
    difference = f"{told['difference']:+.1f} ± {told['ci95_half_width']:.1f}"
    return [spread("arpo"), spread("grpo"), difference, f"{told['p_value']:.2f}", f"{ahead[0]} to {ahead[1]}"]
