"""`python -m arpo_engine metrics`: numbers by step as CSV or JSON lines, of new runs and of old ones side by side."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

from arpo_engine.contract.curves import Curves, read_curves
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.published_metrics import markdown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to read, and how to print it."""
    parser.add_argument(
        "sources",
        nargs="*",
        type=Path,
        metavar="SOURCE",
        help="a run folder; a log of verl or of the published code; a CSV that W&B exported",
    )
    parser.add_argument(
        "--names", choices=["arpo", "ours", "both"], default="arpo", help="names for run folders (default: arpo's)"
    )
    parser.add_argument("--format", choices=["csv", "jsonl"], default="csv", help="a table, or one object a step")
    parser.add_argument("--table", action="store_true", help="print what each of ARPO's names is made from, and end")


def main(arguments: argparse.Namespace) -> int:
    """Print; one row for each step of each run."""
    if arguments.table:
        print(markdown())
        return 0
    if not arguments.sources:
        raise ConfigError("no source is named; give a run folder, a log or a CSV export, or --table")
    runs = [curves for source in arguments.sources for curves in read_curves(source, arguments.names)]
    if arguments.format == "jsonl":
        for run in runs:
            for step, values in sorted(run.steps.items()):
                print(json.dumps({"run": run.run, "step": step, **values}))
    else:
        _print_csv(runs)
    return 0


def _print_csv(runs: list[Curves]) -> None:
    names = sorted({name for run in runs for values in run.steps.values() for name in values})
    table = csv.writer(sys.stdout)
    table.writerow(["run", "step", *names])
    for run in runs:
        for step, values in sorted(run.steps.items()):
            table.writerow([run.run, step, *(values.get(name, "") for name in names)])
