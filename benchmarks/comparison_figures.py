"""What a comparison says: means, spreads and paired tests over seeds. Pure: practices and counts in, numbers out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

from benchmarks.comparison_runs import Practice

Counts = dict[str, tuple[int, int]]
"""Task to (successes, attempts)."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of one seed: its practice, and what its policies were measured to do at the two budgets."""

    practice: Practice
    at_env_steps: Mapping[str, Counts]
    """Split to counts, of the policy after the same environment steps."""
    at_cpu: Mapping[str, Counts]
    """The same after the same processor time."""


def paired(arpo: Sequence[float], grpo: Sequence[float], *, scale: float = 1.0) -> dict[str, Any]:
    """Both arms and their difference, seed by seed: Student's t for the interval, and two tests of no difference.

    The second test flips signs (exact, all 2^n of them), since the differences need not be normal. Where no seed
    differs at all there is nothing to test: p is 1.
    """
    differences = [scale * (one - other) for one, other in zip(arpo, grpo, strict=True)]
    mean, sd = statistics.fmean(differences), statistics.stdev(differences)
    half_width = float(stats.t.ppf(0.975, len(differences) - 1)) * sd / len(differences) ** 0.5
    t_test = float(stats.ttest_1samp(differences, 0.0).pvalue) if sd else 1.0
    return {
        "arpo": _spread(arpo),
        "grpo": _spread(grpo),
        "difference": mean,
        "difference_sd": sd,
        "per_seed": differences,
        "ci95_half_width": half_width,
        "p_value": t_test,
        "p_value_sign_flips": _sign_flips(differences) if sd else 1.0,
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values), "per_seed": list(values)}


def _sign_flips(differences: Sequence[float]) -> float:
    test = stats.permutation_test(
        (differences,), lambda values: statistics.fmean(values), permutation_type="samples", n_resamples=2**20
    )
    return float(test.pvalue)


def share(counts: Counts) -> float:
    """Success over all tasks."""
    return sum(one for one, _ in counts.values()) / max(1, sum(of for _, of in counts.values()))


def figures(arms: Mapping[str, Sequence[Arm]], *, env_steps: int, never_solved: Sequence[str]) -> dict[str, Any]:
    """One comparison, from its arms by seed."""

    def compare(value: Any, scale: float = 100.0) -> dict[str, Any]:
        return paired(*([value(arm) for arm in arms[name]] for name in ("arpo", "grpo")), scale=scale)

    at_end = compare(lambda arm: share(arm.at_env_steps["train"]))
    return {
        "arpo": at_end["arpo"],
        "grpo": at_end["grpo"],
        "arpo_minus_grpo_points": at_end["difference"],
        "ci95_half_width_points": at_end["ci95_half_width"],
        "per_seed_points": at_end["per_seed"],
        "p_value": at_end["p_value"],
        "p_value_sign_flips": at_end["p_value_sign_flips"],
        "env_steps": env_steps,
        "held_out": compare(lambda arm: share(arm.at_env_steps["held_out"])),
        "during_practice": compare(lambda arm: arm.practice.practised(env_steps)),
        "equal_cpu": {
            split: compare(lambda arm, split=split: share(arm.at_cpu[split])) for split in ("train", "held_out")
        },
        "steps_to_first_success": _first_success(arms, env_steps, never_solved),
        "by_family_points": _by_family(arms),
        "replay": {name: _replay(arms[name]) for name in arms},
        "cpu_s": {name: [arm.practice.points[-1].cpu_s for arm in arms[name]] for name in arms},
    }


def _first_success(arms: Mapping[str, Sequence[Arm]], env_steps: int, tasks: Sequence[str]) -> dict[str, Any]:
    """Environment steps until a never-solved task is solved for the first time; those that never were count as
    `env_steps` in the mean (a restricted mean), and are told apart as a share."""
    waits = {
        name: [[min(arm.practice.first_success.get(task, env_steps), env_steps) for task in tasks] for arm in of]
        for name, of in arms.items()
    }
    means = {name: [statistics.fmean(wait) for wait in of] for name, of in waits.items()}
    flat = {name: [one for wait in of for one in wait] for name, of in waits.items()}
    return {
        "tasks": len(tasks),
        "median": {name: statistics.median(values) for name, values in flat.items()},
        "solved_share": {name: sum(one < env_steps for one in of) / max(1, len(of)) for name, of in flat.items()},
        "mean": paired(means["arpo"], means["grpo"]),
    }


def _by_family(arms: Mapping[str, Sequence[Arm]]) -> dict[str, dict[str, float]]:
    """Success on training tasks by family (the id without its number), in percent."""
    families: dict[str, dict[str, list[int]]] = {}
    for name, of in arms.items():
        for arm in of:
            for task, (successes, attempts) in arm.at_env_steps["train"].items():
                counts = families.setdefault(task.rpartition("-")[0], {}).setdefault(name, [0, 0])
                counts[0] += successes
                counts[1] += attempts
    shares = {
        family: {name: 100 * counts[0] / max(1, counts[1]) for name, counts in by_arm.items()}
        for family, by_arm in families.items()
    }
    for by_arm in shares.values():
        by_arm["difference"] = by_arm["arpo"] - by_arm["grpo"]
    return dict(sorted(shares.items(), key=lambda pair: pair[1]["difference"]))


def _replay(of: Sequence[Arm]) -> dict[str, float]:
    groups = sum(arm.practice.groups for arm in of)
    return {
        "groups": groups,
        "failed_groups_share": sum(arm.practice.failed_groups for arm in of) / max(1, groups),
        "injections": sum(arm.practice.injections for arm in of),
    }
