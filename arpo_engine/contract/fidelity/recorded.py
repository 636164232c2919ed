"""What a run's events add to its config in a report: hashes, tasks, what replay really did, numbers that were computed.

The same whether they come from a spool or from a database. Opens no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.verl.published_run import PublishedRun, nearest_to
from arpo_engine.contract.events import NumericCheck
from arpo_engine.contract.fidelity.components import compare_config, with_checks
from arpo_engine.contract.fidelity.rows import FidelityReport, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a run's events tell."""

    task_set_hash: str | None
    train_tasks: int | None
    groups: int
    injections: int
    """Members of groups that replay put in the place of a failure."""
    checks: tuple[NumericCheck, ...] = ()
    """What its engine computed as it began; none from an engine that did not."""
    unreadable: int = 0
    """Lines that are no events; they are passed over."""


def report_of_run(
    subject: str, config: RunConfig, seen: Seen | None, against: PublishedRun | None = None
) -> FidelityReport:
    """A run beside a published one, the nearest unless another is asked for; `seen` is None before it has begun."""
    reference = against or nearest_to(config)
    rows = compare_config(config, reference)
    return FidelityReport(
        subject=subject,
        reference=reference.title,
        rows=rows if seen is None else with_checks(_with_events(rows, seen), seen.checks),
        notes=tuple(_notes(config, seen)),
    )


def _notes(config: RunConfig, seen: Seen | None) -> Iterator[str]:
    if config.kind != "train":
        does = "measures" if config.kind == "evaluate" else "tries a model out"
        yield f"this run only {does}; how its model was trained is not in its config"
    if seen is None:
        yield "it has no events yet: only its config was compared"
    elif not seen.checks:
        yield "its engine computed no numbers as it began; verify --run computes them now"
    if seen is not None and seen.unreadable:
        yield f"{seen.unreadable} lines of its events cannot be read"


def _with_events(rows: tuple[Row, ...], seen: Seen) -> tuple[Row, ...]:
    """The rows of a config with what the run itself recorded beside their evidence."""
    more = {
        "replay": f"recorded: {seen.injections} replayed successes in {seen.groups} groups",
        "task list": f"recorded: {seen.train_tasks} tasks with hash {seen.task_set_hash or 'unknown'}",
    }
    return tuple(
        replace(row, evidence=f"{row.evidence}; {more[row.component]}") if row.component in more else row
        for row in rows
    )
