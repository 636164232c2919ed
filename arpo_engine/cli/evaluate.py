"""`python -m arpo_engine evaluate`: success of one model on the splits of its config, with n/N."""

from __future__ import annotations

import argparse

from arpo_engine.cli.launching import Launch, add_run_arguments, launch
from arpo_engine.runtime.evaluating import run_evaluation
from arpo_engine.trainer.parts import Ending


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run, and a short way to name the model."""
    add_run_arguments(parser)
    parser.add_argument("--model", help="measure this model instead of the config's: a folder, or builtin:pocket")


def main(arguments: argparse.Namespace) -> int:
    """Measure and print the summary; 0 when it was done or stopped as asked."""
    arguments.settings = ["kind=evaluate", *arguments.settings]
    if arguments.model:
        arguments.settings.append(f"model.path={arguments.model}")

    async def work(ready: Launch) -> Ending:
        return await run_evaluation(
            ready.config,
            run_dir=ready.run_dir,
            attempt=ready.attempt,
            sink=ready.sink,
            executor=ready.executor,
            stop=ready.stop,
        )

    ending = launch(arguments, "evaluate", work)
    print(ending.reason)
    return 0
