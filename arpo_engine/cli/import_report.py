"""What an import says to a person at a terminal: the key table, the plan, the faults that would have hit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arpo_engine.contract.config.verl import (
    Fault,
    Finding,
    Imported,
    Plan,
    Verdict,
    cautions_of,
    faults_of,
    plan_of,
)

STYLES = {Verdict.MAPPED: "green", Verdict.ADAPTED: "yellow", Verdict.INERT: "dim", Verdict.REFUSED: "bold red"}
ORDER = (Verdict.REFUSED, Verdict.MAPPED, Verdict.ADAPTED, Verdict.INERT)
LONGEST_VALUE = 34
"""Width of the column of values; a value of more than two lines is cut."""


def show(imported: Imported, console: Console, *, everything: bool) -> None:
    """Print all of it."""
    console.print(key_table(imported, everything=everything))
    hidden = len(imported.findings) - len(_rows(imported, everything=everything))
    if hidden:
        console.print(f"{hidden} defaults that nobody wrote and that set nothing are not shown; --all shows them.")
    console.print(", ".join(f"{count} {verdict.value}" for verdict, count in imported.counts.items()))
    _list(console, "Read on the way", imported.notes)
    _list(console, "Other commands in the text, none of them executed", imported.others)
    _list(console, "Our own check", (f"{field}: {sentence}" for field, sentence in imported.problems))
    if imported.config is not None:
        _show_plan(plan_of(imported.config, imported.reading), console)
    _show_faults(faults_of(imported.reading), console)
    if imported.config is not None:
        _list(console, "To know before starting it", cautions_of(imported.config))


def as_json(imported: Imported) -> dict[str, Any]:
    """For a program: the same answer, with all keys."""
    config = imported.config
    return {
        "counts": {verdict.value: count for verdict, count in imported.counts.items()},
        "keys": [asdict(finding) for finding in imported.findings],
        "problems": dict(imported.problems),
        "notes": imported.notes,
        "other_commands": imported.others,
        "plan": asdict(plan_of(config, imported.reading)) if config is not None else None,
        "faults": [asdict(fault) for fault in faults_of(imported.reading)],
        "cautions": cautions_of(config) if config is not None else (),
        "config": config.model_dump(mode="json") if config is not None else None,
    }


def key_table(imported: Imported, *, everything: bool) -> Table:
    """Each key with its verdict, refused ones first."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("key", no_wrap=True)
    table.add_column("value", overflow="fold", max_width=LONGEST_VALUE)
    table.add_column("what becomes of it", overflow="fold")
    for verdict in ORDER:
        for finding in _rows(imported, everything=everything):
            if finding.verdict is verdict:
                table.add_row(*_cells(finding), style=STYLES[verdict])
    return table


def _rows(imported: Imported, *, everything: bool) -> list[Finding]:
    """What somebody wrote, and what sets something; the rest on request."""
    return [
        finding
        for finding in imported.findings
        if everything or finding.origin != "default" or finding.sets or finding.verdict is Verdict.REFUSED
    ]


def _cells(finding: Finding) -> tuple[str, ...]:
    value = str(finding.value)
    here = ", ".join(f"{path} = {part}" for path, part in finding.sets.items())
    short = value if len(value) <= 2 * LONGEST_VALUE else f"{value[: 2 * LONGEST_VALUE]}…"
    told = "; ".join(text for text in (here, finding.note) if text)
    return tuple(escape(text) for text in (finding.verdict.name.lower(), finding.written, short, told))


def _show_plan(plan: Plan, console: Console) -> None:
    table = Table(title="Memory plan (GB, estimates)", title_justify="left", box=None, pad_edge=False)
    for heading in ("component", f"there, each of {plan.gpus} GPUs", "here, each device", "how"):
        table.add_column(heading, justify="right" if "," in heading else "left")
    for row in plan.memory:
        table.add_row(row.component, _gb(row.there), _gb(row.here), escape(row.how))
    if plan.memory:
        console.print(table)
    measured = "an unknown number" if plan.measured is None else f"{plan.measured:,}"
    tries = "an unknown number" if plan.tries is None else f"{plan.tries:,}"
    before = f", {tries} of tasks.selection before them" if plan.tries != 0 else ""
    console.print(f"Episodes: {plan.rollouts:,} to learn from{before}, {measured} of validation.")
    if plan.desktop_hours is not None and plan.least_hours is not None:
        console.print(
            f"Desktop-hours: at least {plan.desktop_hours:,.0f}, so at least {plan.least_hours:,.1f} hours on these "
            "desktops; 60 s a reset and 3 s a step, before the model's own time."
        )
    else:
        console.print("Desktop-hours: pocket desktops take seconds; nothing to plan.")
    console.print(
        f"Screenshots: about {plan.frames_gb:,.2f} GB if all are kept; frames.max_mb and frames.sample_every keep "
        f"{plan.frames_kept_gb:,.2f} GB of them on the disk."
    )


def _show_faults(faults: tuple[Fault, ...], console: Console) -> None:
    _list(
        console,
        f"{len(faults)} faults of the published code that would have hit this run",
        (f"{fault.name}: {fault.what} ({fault.place})" for fault in faults),
    )


def _list(console: Console, title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        console.print(f"[bold]{escape(title)}[/]")
        for line in found:
            console.print(f"  - {line}", markup=False, highlight=False)


def _gb(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"
