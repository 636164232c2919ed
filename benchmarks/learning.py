"""Does a run of `pocket_demo` learn, and does what it learns carry over?

Measured: success of the shipped policy and of what `pocket_demo` makes of it, for several seeds, on every feasible
task of both splits, `attempts` tries each with the evaluation's own sampling. The runs are the preset exactly as it is
shipped, through the engine's own commands, one after the other (its limit of minutes is wall-clock time, so runs side
by side would get less done). Controls get the same budget: a policy trained and measured without the screenshot, one
without the instruction, and one that always gives up. What would make it unfair: measuring on the validation's few
tasks, choosing the best checkpoint by the held-out score, other tasks or settings than those of the preset.

With `--compare` the question is another: does replay help? See `comparison.py` and `compare.yaml`.

`python -m benchmarks.learning [--compare] [--seeds 5] [--jobs 1] [--quick] [--out DIR]`
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import comparison
from benchmarks.common import header, print_json, print_table
from benchmarks.learning_curves import write_svg
from benchmarks.learning_runs import Plan, Trained, evaluate, share, train

CONFIG = Path("configs/pocket_demo.yaml")
GOAL_POINTS = 30
QUICK = (
    "limits.steps=2",
    "optimizer.warmup_steps=1",
    "rollout.tasks_per_step=2",
    "rollout.group_size=2",
    "validation.tasks=2",
    "evaluation.tasks=3",
    "desktops.count=4",
)
CONTROLS = ("blind", "deaf")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="runs at once; more than one needs as many times two cores")
    parser.add_argument("--attempts", type=int, default=4, help="tries of each task when measuring")
    parser.add_argument("--quick", action="store_true", help="a smoke test of the benchmark; never a figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    parser.add_argument("--out", type=Path, help="keep the run folders and the curves here")
    parser.add_argument("--compare", action="store_true", help="ARPO against GRPO, as compare.yaml fixes it")
    arguments = parser.parse_args()
    out = arguments.out or Path(tempfile.mkdtemp(prefix="arpo-learning-"))
    if arguments.compare:
        return _compare(out, arguments)
    if arguments.quick:
        plan, seeds = Plan(CONFIG, out, 1, QUICK), list(range(min(arguments.seeds, 2)))
    else:
        plan, seeds = Plan(CONFIG, out, arguments.attempts), list(range(arguments.seeds))
    figures = {**header(), **measure(plan, seeds, arguments.jobs), "quick": arguments.quick, "out": str(out)}
    write_svg(out / "learning.svg", figures["curve"])
    if not arguments.json:
        show(figures)
    print_json(figures)
    return 0


def _compare(out: Path, arguments: argparse.Namespace) -> int:
    told = {**header(), **comparison.compare(out, quick=arguments.quick), "quick": arguments.quick, "out": str(out)}
    if not arguments.json:
        comparison.show(told)
    print_json(told)
    return 0


def measure(plan: Plan, seeds: list[int], jobs: int) -> dict[str, Any]:
    """Before, every seed after, and the controls."""
    before = share(evaluate(plan, "builtin:pocket", "before"))
    with ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(lambda seed: _trained(plan, seed), seeds))
        controls = dict(zip(CONTROLS, pool.map(lambda name: _control(plan, name), CONTROLS), strict=True))
    after = {name: statistics.median(run.success[name] for run in runs) for name in ("train", "held_out")}
    gains = {name: [100 * (run.success[name] - before[name]) for run in runs] for name in after}
    always_fail = share(evaluate(plan, "builtin:pocket", "always-fail", control="always-fail"))
    return {
        "train_before": before["train"],
        "train_after": after["train"],
        "train_gain_points_median": statistics.median(gains["train"]),
        "held_out_before": before["held_out"],
        "held_out_after": after["held_out"],
        "held_out_gain_points_median": statistics.median(gains["held_out"]),
        "seeds_reaching_goal": sum(gain >= GOAL_POINTS for gain in gains["train"]),
        "seeds": len(runs),
        "minutes_median": statistics.median(run.minutes for run in runs),
        "blind_success": controls["blind"],
        "deaf_success": controls["deaf"],
        "always_fail_success": always_fail,
        "runs": [_as_dict(run) for run in runs],
        "curve": {str(run.seed): run.curve for run in runs},
    }


def _trained(plan: Plan, seed: int) -> Trained:
    run = train(plan, seed)
    run.counts = evaluate(plan, str(run.policy), f"seed-{seed}")
    run.success = share(run.counts)
    return run


def _control(plan: Plan, name: str) -> dict[str, float]:
    run = train(plan, 0, control=name)
    return share(evaluate(plan, str(run.policy), name, control=name))


def _as_dict(run: Trained) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "minutes": round(run.minutes, 2),
        "steps": run.steps,
        "success": run.success,
        "counts": run.counts,
    }


def show(figures: dict[str, Any]) -> None:
    """The table for people."""
    rows = [["policy", "training tasks", "held-out tasks", "steps", "minutes"]]
    rows.append(["shipped", _percent(figures["train_before"]), _percent(figures["held_out_before"]), "", ""])
    for run in figures["runs"]:
        counts = {name: f"{successes}/{attempts}" for name, (successes, attempts) in run["counts"].items()}
        success = {name: f"{_percent(run['success'][name])} ({counts[name]})" for name in counts}
        rows.append(
            [f"seed {run['seed']}", success["train"], success["held_out"], str(run["steps"]), f"{run['minutes']:.1f}"]
        )
    for name, key in (("blind", "blind_success"), ("deaf", "deaf_success"), ("always FAIL", "always_fail_success")):
        rows.append([name, _percent(figures[key]["train"]), _percent(figures[key]["held_out"]), "", ""])
    print_table(rows)
    print(
        f"\ngain: {figures['train_gain_points_median']:+.0f} points on training tasks (median; "
        f"{figures['seeds_reaching_goal']} of {figures['seeds']} seeds reach {GOAL_POINTS}), "
        f"{figures['held_out_gain_points_median']:+.0f} points on held-out tasks; curves: {figures['out']}/learning.svg"
    )


def _percent(success: float) -> str:
    return f"{100 * success:.1f} %"


if __name__ == "__main__":
    sys.exit(main())
