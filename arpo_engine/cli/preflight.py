"""`python -m arpo_engine preflight`: whether a run can start here, as a table for people or JSON for a program."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from arpo_engine.contract.config import load_config
from arpo_engine.runtime.executors import build_executor
from arpo_engine.runtime.guarded import Check
from arpo_engine.runtime.preflight import as_json, preflight

MARKS = {"ok": "[green]✓ ok[/]", "warn": "[yellow]! warn[/]", "fail": "[red]✗ fail[/]"}
OK, FAILED = 0, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The config, and where the run would be."""
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file of the run")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="change a setting: desktops.count=16")
    parser.add_argument("--run-dir", type=Path, default=Path("runs"), help="where the run folder would be")
    parser.add_argument("--executor", choices=["local", "ray"], default="local", help="where desktops would run")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def main(arguments: argparse.Namespace) -> int:
    """Check and show; 3 when anything fails."""
    config = load_config(arguments.config, arguments.settings)
    executor = build_executor(arguments.executor)
    checks = asyncio.run(preflight(config, run_dir=arguments.run_dir, executor=executor))
    found = as_json(checks)
    if arguments.json:
        print(json.dumps(found))
    else:
        Console().print(_table(checks))
    return OK if found["ok"] else FAILED


def _table(checks: list[Check]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        cure = f"\n[dim]{check.cure}[/]" if check.cure else ""
        table.add_row(MARKS[check.status], check.name, check.message + cure)
    return table
