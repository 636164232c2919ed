"""`python -m arpo_engine try`: direct one agent on one desktop, from a console or line by line from this shell."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from typing import TextIO

from arpo_engine.cli.directing import HELP, LineUnclear, read_line
from arpo_engine.cli.evaluate import DEFAULT_CONFIG, sampler_settings
from arpo_engine.cli.launching import Launch, add_run_arguments, launch
from arpo_engine.cli.tryout_view import TryoutView
from arpo_engine.contract.reporting import EventSink
from arpo_engine.rollout.directions import ConsoleDirections, Directions, SpokenDirections
from arpo_engine.runtime.trying import run_tryout
from arpo_engine.trainer.parts import Ending


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run, and short ways to name the model, its server, the task and the instruction."""
    add_run_arguments(parser, default_config=DEFAULT_CONFIG)
    parser.add_argument("--instruction", metavar="WORDS", help="what the agent is told (default: the task's own words)")
    parser.add_argument("--task", metavar="ID", help="the task whose desktop it begins with (default: the first)")
    parser.add_argument("--model", help="a folder, builtin:pocket, or with --server its name there")
    parser.add_argument("--server", metavar="URL[,URL]", help="sample at OpenAI-compatible servers")
    parser.add_argument("--go", action="store_true", help="the agent begins at once")


def main(arguments: argparse.Namespace) -> int:
    """Try it until somebody ends it; 0 when it was ended as asked."""
    arguments.settings = [*_short_ways(arguments), *arguments.settings]

    async def work(ready: Launch) -> Ending:
        sink: EventSink = ready.sink
        directions: Directions = ConsoleDirections(sink)
        if not arguments.report_to:
            directions = spoken = SpokenDirections(patient=not sys.stdin.isatty())
            sink = TryoutView(sink, ready.run_dir, quiet=arguments.quiet)
            listener = threading.Thread(target=listen, args=(sys.stdin, spoken), name="shell-listener", daemon=True)
            listener.start()
        return await run_tryout(
            ready.config,
            run_dir=ready.run_dir,
            attempt=ready.attempt,
            sink=sink,
            executor=ready.executor,
            stop=ready.stop,
            directions=directions,
        )

    ending = launch(arguments, "try", work)
    print(ending.reason)
    return 0


def listen(lines: TextIO, directions: SpokenDirections) -> None:
    """Pass on what is typed until there is no more; a line that says nothing is answered with why."""
    number = 0
    for line in lines:
        if not line.strip():
            continue
        if line.strip() == "help":
            print(HELP, file=sys.stderr)
            continue
        try:
            direction = read_line(line, number + 1)
        except LineUnclear as error:
            print(error, file=sys.stderr)
            continue
        number += 1
        directions.say(direction)
    directions.end()


def _short_ways(arguments: argparse.Namespace) -> list[str]:
    settings = ["kind=try", *sampler_settings(arguments.model, arguments.server)]
    if arguments.instruction:
        settings.append(f"tryout.instruction={json.dumps(arguments.instruction)}")
    if arguments.task:
        settings.append(f"tryout.task={json.dumps(arguments.task)}")
    if arguments.go:
        settings.append("tryout.begin=go")
    return settings
