"""`python -m arpo_engine train`: one training run, alone or for a console."""

from __future__ import annotations

import argparse

from arpo_engine.cli.launching import Launch, add_run_arguments, launch
from arpo_engine.runtime.training import run_training
from arpo_engine.trainer.parts import Ending


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a run, and whether it goes on from its checkpoints."""
    add_run_arguments(parser)
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from the newest whole checkpoint in the run folder, if there is one (default)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Train; 0 when the run finished or was stopped as asked."""

    async def work(ready: Launch) -> Ending:
        return await run_training(
            ready.config,
            run_dir=ready.run_dir,
            attempt=ready.attempt,
            sink=ready.sink,
            executor=ready.executor,
            stop=ready.stop,
            resuming=arguments.resume,
        )

    launch(arguments, "train", work)
    return 0
