"""`python -m arpo_engine import-osworld`: OSWorld's tasks as a task set of ours, with what runs where, and why not."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.osworld import OsworldReport
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.importing import NAMES, adopt_files, report_on, write_task_set
from arpo_engine.tasks.osworld.reading import read_checkout
from arpo_engine.tasks.places import asset_folder, is_offline, task_set_folder

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MOST_REFUSED = 20
"""Refused files that are shown; --json has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkout, and what to do with it."""
    parser.add_argument("path", type=Path, help="a checkout of OSWorld, or its folder evaluation_examples")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be imported")
    parser.add_argument(
        "--name", help="folder of the task set in the data folder (default: osworld, or osworld-arpo by its wording)"
    )
    parser.add_argument("--json", action="store_true", help="for programs: one object, with every task")


def main(arguments: argparse.Namespace) -> int:
    """Read, count, judge; and write, unless only a look was asked for."""
    if arguments.name is not None and not NAME.fullmatch(arguments.name):
        raise TaskError(f"--name is {arguments.name!r}; use lower-case letters, digits, - and _, such as osworld")
    reading = read_checkout(arguments.path)
    cache = AssetCache(asset_folder(), offline=is_offline())
    adopted = 0 if arguments.dry_run else adopt_files(reading.checkout, reading.tasks, cache)
    report = report_on(reading, cache)
    if not arguments.dry_run:
        folder = task_set_folder(arguments.name or NAMES[report.edition])
        assets = report.assets.model_copy(update={"adopted": adopted})
        report = report.model_copy(update={"written_to": str(folder), "assets": assets})
        write_task_set(reading, report, folder)
    if arguments.json:
        print(json.dumps(report.model_dump(mode="json")))
    else:
        show(report, Console())
    return 0


def show(report: OsworldReport, console: Console) -> None:
    """Print the counts."""
    wording = "today's wording" if report.edition == "today" else "ARPO's wording (spring 2025)"
    infeasible = sum(task.infeasible for task in report.tasks)
    said = f"{len(report.tasks)} tasks in {wording}, {infeasible} infeasible, hash {report.task_set_hash}"
    console.print(f"{report.source}: {said}", markup=False, highlight=False, soft_wrap=True)
    console.print(_domain_table(report), _provider_table(report), _split_table(report))
    here = f"{report.assets.here} of {report.assets.addresses} files that the tasks fetch are in the cache"
    adopted = f", {report.assets.adopted} of them adopted from the checkout now" if report.assets.adopted else ""
    console.print(f"Files: {here}{adopted}.", highlight=False)
    for provider, machine in report.machines.items():
        console.print(f"Machine for {provider}: {machine}; used as it is.", markup=False, highlight=False)
    _show_refused(report, console)
    if report.written_to is None:
        console.print("Nothing was written: this was a look (--dry-run).")
    else:
        words = f"tasks.source={report.written_to} tasks.train=SPLIT tasks.held_out=null"
        console.print(f"Written. In a run: {words}", markup=False, highlight=False, soft_wrap=True)


def _domain_table(report: OsworldReport) -> Table:
    table = _table("By domain", "domain", "tasks", "infeasible", "need the web")
    for count in report.domains:
        table.add_row(escape(count.domain), str(count.tasks), str(count.infeasible), str(count.live))
    return table


def _provider_table(report: OsworldReport) -> Table:
    table = _table("Runnable", "provider", "tasks", "feasible", "why not (one task may have several reasons)")
    for count in report.providers:
        why = "\n".join(f"{reason.tasks:>3} {reason.why}" for reason in count.reasons)
        table.add_row(count.provider, str(count.runnable), str(count.feasible), escape(why))
    return table


def _split_table(report: OsworldReport) -> Table:
    table = _table("Splits", "split", "tasks", "left out")
    for count in report.splits:
        table.add_row(escape(count.split), str(count.tasks), str(count.left_out))
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        wide = place == 0 or heading.startswith("why")
        table.add_column(heading, overflow="fold", no_wrap=not wide, justify="left" if wide else "right")
    return table


def _show_refused(report: OsworldReport, console: Console) -> None:
    if not report.refused:
        return
    console.print(f"[bold]{len(report.refused)} files were left out[/]")
    for refused in report.refused[:MOST_REFUSED]:
        console.print(f"  - {refused.file}: {refused.why}", markup=False, highlight=False, soft_wrap=True)
    if len(report.refused) > MOST_REFUSED:
        console.print(f"  - and {len(report.refused) - MOST_REFUSED} more; --json has all")
