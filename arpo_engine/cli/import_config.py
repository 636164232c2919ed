"""`python -m arpo_engine import-config`: what a command of ARPO or EasyR1 becomes here. Starts nothing."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import yaml
from rich.console import Console

from arpo_engine.cli.import_report import as_json, show
from arpo_engine.cli.scripts import load_script, read_script_text
from arpo_engine.contract.config import RunConfig, load_config
from arpo_engine.contract.config.verl import write_verl
from arpo_engine.contract.config.verl.commands import looks_like_a_command
from arpo_engine.contract.config.yaml_text import read_yaml
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
    if _is_ours(arguments.script):
        return _back_from_ours(arguments)
    imported = load_script(arguments.script, arguments.settings)
    if arguments.json:
        print(json.dumps(as_json(imported), default=str))
    elif not arguments.back:
        show(imported, console, everything=arguments.all)
    if imported.config is None and not (arguments.back or arguments.write):
        return REFUSED
    if arguments.write:
        _write(imported.ready(), arguments.write)
    if arguments.back:
        written = write_verl(imported.ready(), imported=imported, spelling=arguments.spelling)
        print(written.command() if imported.reading.is_command else written.yaml())
        for line in written.left_out:
            print(f"# not said: {line}")
    return OK


def _is_ours(path: Path) -> bool:
    """Whether a file is one of our own configs."""
    if str(path) == "-" or path.suffix not in (".yaml", ".yml", ".json"):
        return False
    text = read_script_text(path)
    tree = None if looks_like_a_command(text) else read_yaml(text, str(path))
    return isinstance(tree, dict) and not {"data", "worker", "trainer", "env"} & set(tree)


def _back_from_ours(arguments: argparse.Namespace) -> int:
    if not arguments.back:
        raise ConfigError(f"{arguments.script} is a config of ours already; start it with train, or add --back")
    written = write_verl(load_config(arguments.script, arguments.settings), spelling=arguments.spelling)
    print(written.command())
    for line in written.left_out:
        print(f"# not said: {line}")
    return OK


def _write(config: RunConfig, path: Path) -> None:
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; give another file with --write") from error
    print(f"wrote {path}")
