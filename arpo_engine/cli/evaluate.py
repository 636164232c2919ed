"""`python -m arpo_engine evaluate`: success of one model on a set of tasks, with n/N and its interval."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arpo_engine.cli.figures_table import figures_table
from arpo_engine.cli.launching import Launch, add_run_arguments, launch
from arpo_engine.cli.results import own_reports
from arpo_engine.cli.task_words import task_settings
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig
from arpo_engine.contract.config.osworld_runner import read_runner
from arpo_engine.contract.errors import ConfigError
from arpo_engine.runtime.evaluating import run_evaluation
from arpo_engine.runtime.provenance import REPOSITORY
from arpo_engine.trainer.parts import Ending

DEFAULT_CONFIG = REPOSITORY / "configs" / "pocket_demo.yaml"
TABLE_WIDTH = 140
"""Where the output is no terminal, so that no figure is cut off."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run, and short ways to name the model, its server and the tasks."""
    add_run_arguments(parser, default_config=DEFAULT_CONFIG)
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="try only what the run folder has no finished attempt of (default)",
    )
    parser.add_argument(
        "--from",
        dest="scripts",
        type=Path,
        action="append",
        metavar="SCRIPT",
        help="a file with a command of OSWorld's run_multienv_uitars.py, and once more for ARPO's start_server.sh: "
        "their parameters become settings",
    )
    parser.add_argument(
        "--model",
        help="measure this model instead of the config's or the script's: a folder, builtin:pocket, or a server's name "
        "for it",
    )
    parser.add_argument(
        "--server", metavar="URL[,URL]", help="sample at OpenAI-compatible servers: http://127.0.0.1:8000/v1"
    )
    parser.add_argument(
        "--tasks",
        metavar="WORDS",
        help="a <split>.json or its folder, train, held_out or both, or ids and domains: chrome,'pocket-send-mail*'",
    )


def main(arguments: argparse.Namespace) -> int:
    """Measure and print the summary and its table; 0 when it was done or stopped as asked."""
    arguments.settings = [*_short_ways(arguments), *arguments.settings]
    folder: list[Path] = []

    async def work(ready: Launch) -> Ending:
        folder.append(ready.run_dir)
        return await run_evaluation(
            ready.config,
            run_dir=ready.run_dir,
            attempt=ready.attempt,
            sink=ready.sink,
            executor=ready.executor,
            stop=ready.stop,
            resuming=arguments.resume,
        )

    ending = launch(arguments, "evaluate", work)
    print(ending.reason)
    console = Console(width=None if os.isatty(1) else TABLE_WIDTH)
    for name, report in own_reports(folder[0]).items():
        console.print(figures_table(name, report))
    return 0


def sampler_settings(model: str | None, server: str | None) -> list[str]:
    """What --model and --server mean."""
    if server:
        known = OpenAiGeneratorConfig.model_fields["model"].default
        served = {"kind": "openai", "base_urls": _urls(server), "model": model or known}
        return [f"generator={json.dumps(served)}"]
    return [f"model.path={json.dumps(model)}"] if model else []


def _from_scripts(scripts: list[Path]) -> list[str]:
    """The settings of a runner's command; what became of each parameter is told on stderr."""
    try:
        text = "\n".join(script.read_text(encoding="utf-8", errors="replace") for script in scripts)
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}; give the file with the command") from error
    command = read_runner(text)
    told = Console(stderr=True, width=None if os.isatty(2) else TABLE_WIDTH)
    table = Table("parameter", "value", "", "here", box=None, pad_edge=False)
    for parameter in command.parameters:
        table.add_row(
            *(escape(word) for word in (f"--{parameter.name}", parameter.value, parameter.verdict, parameter.told))
        )
    told.print(table)
    if command.refused:
        lines = [f"--{parameter.name} {parameter.value}: {parameter.told}" for parameter in command.refused]
        raise ConfigError("\n".join(lines))
    return command.settings


def _short_ways(arguments: argparse.Namespace) -> list[str]:
    scripted = _from_scripts(arguments.scripts) if arguments.scripts else []
    settings = [*scripted, "kind=evaluate"]
    said = next((json.loads(word.partition("=")[2]) for word in scripted if word.startswith("generator=")), None)
    if said is not None:
        settings += _instead_of_script(arguments, said)
    else:
        settings += sampler_settings(arguments.model, arguments.server)
    if arguments.tasks:
        settings += task_settings(arguments.tasks)
    return settings


def _instead_of_script(arguments: argparse.Namespace, said: dict[str, Any]) -> list[str]:
    """What the command line says about the generator, in place of what the script said; one line names both."""
    replaced: list[str] = []

    def instead(option: str, given: str, key: str) -> None:
        before = said[key]
        told = ", ".join(before) if isinstance(before, list) else before
        replaced.append(f"{option} {given} replaces the script's generator.{key} = {told}")

    settings: list[str] = []
    if arguments.server:
        instead("--server", arguments.server, "base_urls")
        settings.append(f"generator.base_urls={json.dumps(_urls(arguments.server))}")
    if arguments.model and not arguments.server and _is_here(arguments.model):
        replaced.append(
            f"--model {arguments.model} is sampled here and replaces the script's generator.model = {said['model']} at "
            f"{', '.join(said['base_urls'])}"
        )
        here = {"kind": "hf", "max_new_tokens": said["max_new_tokens"]}
        settings += [f"generator={json.dumps(here)}", f"model.path={json.dumps(arguments.model)}"]
    elif arguments.model:
        instead("--model", arguments.model, "model")
        settings.append(f"generator.model={json.dumps(arguments.model)}")
    if replaced:
        print("; ".join(replaced), file=sys.stderr)
    return settings


def _is_here(model: str) -> bool:
    """Whether a model is a folder or one that ships; any other name is one of the servers'."""
    return model.startswith("builtin:") or Path(model).is_dir()


def _urls(server: str) -> list[str]:
    return [url.strip() for url in server.split(",")]
