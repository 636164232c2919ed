"""A plan at a terminal and as JSON: what lies where, what the run does, how long, and what would make it fit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arpo_engine.contract.plan.cures import IN_A_PASS, Way
from arpo_engine.contract.plan.memory import by_moment
from arpo_engine.contract.plan.planning import Plan
from arpo_engine.contract.plan.sentences import sentences_of

WHERE = {"gpu": "each GPU", "memory": "computer"}


def show(plan: Plan, ways: tuple[Way, ...], long: str | None, console: Console) -> None:
    """Print all of it."""
    if plan.memory:
        console.print(_memory_table(plan))
    for line in sentences_of(plan):
        console.print(f"- {line}", markup=False, highlight=False, soft_wrap=True)
    too_large = plan.too_large
    if plan.parameters is None:
        console.print("[yellow]! the shape of this model is not known, so there is no memory plan[/]")
    elif too_large is None:
        console.print("[green]✓ it fits[/]")
    else:
        console.print(f"[red]✗ it does not fit:[/] {escape(too_large)}", highlight=False, soft_wrap=True)
    if long is not None:
        console.print(long, markup=False, highlight=False, soft_wrap=True)
    for way in ways:
        told = f"fits, {escape(way.title)}: [bold]{escape(' '.join(way.settings))}[/] {_room(way.plan)}"
        console.print(told, highlight=False, soft_wrap=True)


def as_json(plan: Plan, ways: tuple[Way, ...], long: str | None) -> dict[str, Any]:
    """For a program."""
    return {
        **asdict(plan),
        "moments_gb": {place: by_moment(plan.memory, place) for place in ("gpu", "memory")},
        "fits": plan.fits,
        "too_large": plan.too_large,
        "too_long": long,
        "sentences": sentences_of(plan),
        "ways": [
            {
                "title": way.title,
                "settings": way.settings,
                "gpu_gb": way.plan.gpu_gb,
                "memory_gb": way.plan.memory_gb,
                "memory": [asdict(row) for row in way.plan.memory],
            }
            for way in ways
        ],
    }


def _room(plan: Plan) -> str:
    on_gpu = f"{plan.gpu_gb:,.1f} GB on each GPU, " if plan.machine.gpus else ""
    return f"({on_gpu}{plan.memory_gb:,.1f} GB of the computer)"


def _memory_table(plan: Plan) -> Table:
    title = f"{plan.model}: memory in GB, estimates"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in ("component", "GB", "where", "when", "how"):
        table.add_column(heading, justify="right" if heading == "GB" else "left", overflow="fold")
    here = "computer" if not plan.machine.gpus else WHERE["gpu"]
    for row in plan.memory:
        where = here if row.place == "gpu" else WHERE["memory"]
        table.add_row(row.component, f"{row.gb:,.2f}", where, row.phase, escape(row.how))
    for moment, gb in by_moment(plan.memory, "gpu").items():
        how = "what lies there at the same time: always, pass, and this" if moment in IN_A_PASS else "always, and this"
        table.add_row(f"[bold]while {moment}[/]", f"[bold]{gb:,.2f}[/]", here, moment, how)
    return table
