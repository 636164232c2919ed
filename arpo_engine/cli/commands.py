"""The list of commands. Each is a module with `add_arguments` and `main`; none is imported unless it is asked for."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from arpo_engine.contract.errors import ArpoError, CheckpointError, ConfigError, ModelError, TaskError

COMMANDS = {
    "train": ("arpo_engine.cli.train", "train a policy; writes a run folder"),
    "evaluate": ("arpo_engine.cli.evaluate", "measure a policy: success with n/N"),
    "try": ("arpo_engine.cli.try_out", "direct one agent on one desktop, step by step, from this shell"),
    "results": ("arpo_engine.cli.results", "figures of finished measurements: ours, OSWorld's folders, ARPO's files"),
    "metrics": ("arpo_engine.cli.metrics", "numbers by step as CSV, of our runs and of old logs side by side"),
    "preflight": ("arpo_engine.cli.preflight", "say whether a run can start here, and what to do if not"),
    "plan": ("arpo_engine.cli.plan", "what a run needs: memory by component, hours, desktops, disk"),
    "import-config": ("arpo_engine.cli.import_config", "what a command of ARPO or EasyR1 becomes here; starts nothing"),
    "import-checkpoint": (
        "arpo_engine.cli.import_checkpoint",
        "weights of an ARPO or EasyR1 checkpoint as a model folder",
    ),
    "import-osworld": ("arpo_engine.cli.import_osworld", "OSWorld's tasks as a task set: what runs where, and why not"),
    "assets": ("arpo_engine.cli.assets", "the files that tasks fetch: fetch, verify, list"),
    "film": ("arpo_engine.cli.film", "one task before and after training, side by side, as a moving picture"),
    "conformance": (
        "arpo_engine.cli.conformance",
        "our answers beside the published code's, case by case",
    ),
    "verify": ("arpo_engine.cli.verify", "a run, a config or a written claim beside the published pipeline"),
    "train-pocket": ("arpo_engine.cli.train_pocket", "rebuild the small policy that ships with the engine"),
}

BAD_INPUT, FAILED, INTERRUPTED = 2, 3, 130
_INPUT_ERRORS = (ConfigError, TaskError, ModelError, CheckpointError)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; the answer is the process's exit code."""
    words = list(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser(prog="python -m arpo_engine", description="Trains GUI agents with ARPO.")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        if name in words[:1]:
            importlib.import_module(module).add_arguments(command)
    arguments = parse(parser, words)
    try:
        return int(importlib.import_module(COMMANDS[arguments.command][0]).main(arguments))
    except ArpoError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT if isinstance(error, _INPUT_ERRORS) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse, with `key=value` words wherever they stand; argparse itself wants them in one row."""
    arguments, rest = parser.parse_known_args(words)
    settings = [word for word in rest if "=" in word and not word.startswith("-")]
    if len(settings) < len(rest) or (settings and not hasattr(arguments, "settings")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if settings:
        arguments.settings = [*arguments.settings, *settings]
    return arguments
