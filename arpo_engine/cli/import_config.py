"""`python -m arpo_engine import-config`: what a command of ARPO or EasyR1 becomes here. Starts nothing."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from arpo_engine.cli.import_report import as_json, show
from arpo_engine.cli.scripts import is_ours, load_script
from arpo_engine.contract.config import RunConfig, load_config
from arpo_engine.contract.config.verl import Imported, write_verl
from arpo_engine.contract.errors import ConfigError

OK, REFUSED = 0, 2
WIDTH_WITHOUT_A_TERMINAL = 180


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The script, changes to it, and where the answer goes."""
    parser.add_argument("script", type=Path, help="a script, a saved command line or a YAML file; - for standard input")
    parser.add_argument(
        "settings", nargs="*", metavar="key=value", help="change it: trainer.max_steps=10, or a setting of ours"
    )
    parser.add_argument("--all", action="store_true", help="show the defaults that nobody wrote, too")
    parser.add_argument("--json", action="store_true", help="all of it as one JSON object")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the run as our YAML")
    parser.add_argument("--back", action="store_true", help="print the run in the trainer's words (also for our YAML)")
    parser.add_argument("--spelling", choices=["arpo", "easyr1"], default="arpo", help="which names --back writes")


def main(arguments: argparse.Namespace) -> int:
    """Import and print; 2 when a key is refused or the settings contradict each other."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_WITHOUT_A_TERMINAL)
    imported = None if is_ours(arguments.script) else load_script(arguments.script, arguments.settings)
    if imported is None and not arguments.back:
        raise ConfigError(f"{arguments.script} is a config of ours already; start it with train, or add --back")
    answer = as_json(imported) if imported is not None else {}
    if imported is not None and not (arguments.json or arguments.back):
        show(imported, console, everything=arguments.all)
    refused = imported is not None and imported.config is None
    if not refused or arguments.back or arguments.write:
        config = imported.ready() if imported is not None else load_config(arguments.script, arguments.settings)
        if arguments.write:
            _write(config, arguments.write)
        if arguments.back:
            answer["back"] = _back(config, imported, arguments)
    if arguments.json:
        print(json.dumps(answer, default=str))
    return REFUSED if refused else OK


def _back(config: RunConfig, imported: Imported | None, arguments: argparse.Namespace) -> dict[str, Any]:
    """The run in the trainer's words; printed, unless all of the answer is one JSON object."""
    written = write_verl(config, imported=imported, spelling=arguments.spelling)
    text = written.yaml() if imported is not None and not imported.reading.is_command else written.command()
    if not arguments.json:
        print("\n".join([text, *(f"# not said: {line}" for line in written.left_out)]))
    return {"text": text, "not_said": written.left_out}


def _write(config: RunConfig, path: Path) -> None:
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; give another file with --write") from error
    # What --json and --back print is for a program or for a file.
    print(f"wrote {path}", file=sys.stderr)
