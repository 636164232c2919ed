"""Figures of a set of attempts: pass@1 with its spread and interval, pass@k, and the same by domain.

Infeasible tasks stand apart in every figure, and a fault is no failure. Knows attempts; knows no files and no policy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.intervals import wilson
from arpo_engine.evaluation.attempts import Attempt
from arpo_engine.evaluation.passk import mean_and_sd, pass_at_k

NO_DOMAIN = "(no domain)"


def report(attempts: Sequence[Attempt]) -> Report:
    """All figures of a measurement."""
    feasible = [attempt for attempt in attempts if not attempt.infeasible]
    domains: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in feasible:
        domains[attempt.domain or NO_DOMAIN].append(attempt)
    return Report(
        feasible=figures(feasible),
        infeasible=figures(attempt for attempt in attempts if attempt.infeasible),
        domains={domain: figures(domains[domain]) for domain in sorted(domains)},
        together=figures(attempts),
    )


def figures(attempts: Iterable[Attempt]) -> Figures:
    """The figures of these attempts, whatever their tasks are."""
    every = list(attempts)
    scored = [attempt for attempt in every if attempt.score is not None]
    successes = sum(attempt.solved for attempt in scored)
    by_task = _grouped(scored, "task_id")
    trials = [
        sum(attempt.solved for attempt in trial) / len(trial) for _, trial in sorted(_grouped(scored, "slot").items())
    ]
    mean, sd = mean_and_sd(trials)
    return Figures(
        tasks=len(by_task),
        attempts=len(scored),
        successes=successes,
        faults=len(every) - len(scored),
        success=successes / len(scored) if scored else None,
        interval=wilson(successes, len(scored)),
        pass1_mean=mean,
        pass1_sd=sd,
        trials=len(trials),
        pass_at=_pass_at(list(by_task.values())),
        mean_score=mean_and_sd([attempt.score for attempt in scored if attempt.score is not None])[0],
    )


def _pass_at(by_task: Sequence[Sequence[Attempt]]) -> dict[int, float]:
    """For k = 1, 2, 4, … and the most that every task was tried: a task lost to faults may have fewer than others."""
    most = min(map(len, by_task), default=0)
    chosen = sorted({k for k in (2**power for power in range(most.bit_length())) if k <= most} | ({most} - {0}))
    counts = [(len(tries), sum(attempt.solved for attempt in tries)) for tries in by_task]
    return {k: sum(pass_at_k(tries, solved, k) for tries, solved in counts) / len(counts) for k in chosen}


def _grouped(attempts: Iterable[Attempt], name: str) -> Mapping[Any, list[Attempt]]:
    groups: defaultdict[Any, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        groups[getattr(attempt, name)].append(attempt)
    return groups
