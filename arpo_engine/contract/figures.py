"""What is told about a measurement, from the engine to the page: shares with their intervals, infeasible tasks apart.

Only the shape; how the numbers are made is `evaluation/figures.py`'s.
"""

from __future__ import annotations

from pydantic import Field

from arpo_engine.contract.base import Wire


class Figures(Wire):
    """What a set of attempts says. Shares are in [0, 1]; None where there is nothing to say it from."""

    tasks: int = 0
    """Tasks with at least one scored attempt."""
    attempts: int = 0
    """Scored attempts; faults are not among them."""
    successes: int = 0
    faults: int = 0
    """Attempts that nobody can score: something broke around the agent, or they never finished."""
    success: float | None = None
    """Successes over attempts."""
    interval: tuple[float, float] | None = None
    """95 % interval of `success` (Wilson). It is about these tasks; on others the policy may do better or worse."""
    pass1_mean: float | None = None
    """Mean over trials of the share of tasks that the trial solved."""
    pass1_sd: float | None = None
    """Standard deviation (n - 1) over trials; None with one trial."""
    trials: int = 0
    pass_at: dict[int, float] = Field(default_factory=dict)
    """k to the chance that one of k tries solves a task, mean over tasks; for k that all tasks have tries for."""
    mean_score: float | None = None
    """Mean of the scores as they are, which is what OSWorld's own table reports."""


class Report(Wire):
    """Everything that is told about one measurement."""

    feasible: Figures
    infeasible: Figures
    domains: dict[str, Figures] = Field(default_factory=dict)
    """Domain to the figures of its feasible tasks; a domain without any is left out."""
    together: Figures
    """Feasible and infeasible tasks in one, only to stand beside published numbers, which mix them."""
