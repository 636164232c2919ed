"""Policies that lack something, trained and measured by the engine's own code: without the screenshot, without the
instruction, or without any judgement (it always gives up). A benchmark that they could pass would measure nothing.

`python -m benchmarks.controls {blind,deaf,always-fail} {train,evaluate} --config … [key=value …] --run-dir …`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from arpo_engine.agents.base import Agent, Reply
from arpo_engine.cli.commands import parse
from arpo_engine.cli.launching import Launch, add_run_arguments, launch
from arpo_engine.contract.actions import Fail
from arpo_engine.desktops.host import Answer, DesktopHost, Request
from arpo_engine.runtime.context import Wrappers
from arpo_engine.runtime.evaluating import run_evaluation
from arpo_engine.runtime.training import run_training
from arpo_engine.trainer.parts import Ending
from arpo_engine.types import Observation

GREY = 128
SAME_FOR_ALL = "Do the task"


class BlindHost:
    """A `DesktopHost` whose screenshots are all grey; everything else is as it was."""

    def __init__(self, inner: DesktopHost) -> None:
        self._inner = inner
        self.name = inner.name
        self.size = inner.size
        self.machine = inner.machine

    async def call(self, index: int, request: Request) -> Answer:
        answer = await self._inner.call(index, request)
        return Observation(pixels=np.full_like(answer.pixels, GREY)) if isinstance(answer, Observation) else answer

    async def restart(self) -> None:
        await self._inner.restart()

    async def close(self) -> None:
        await self._inner.close()


class DeafAgent:
    """An `Agent` that is told the same whatever the task is."""

    def __init__(self, inner: Agent) -> None:
        self._inner = inner

    def system_prompt(self) -> str:
        return self._inner.system_prompt()

    def user_prompt(self, instruction: str) -> str:
        return self._inner.user_prompt(SAME_FOR_ALL)

    def caption(self, instruction: str, done: Sequence[str] | None = None) -> str:
        """The same words beside every screenshot of every task."""
        return self._inner.caption(SAME_FOR_ALL, done)

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        return self._inner.parse(text, screen)


class AlwaysFail(DeafAgent):
    """An `Agent` that gives up at once, whatever the policy says."""

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        return Reply(thought="", action=Fail())


CONTROLS = {
    "blind": Wrappers(host=BlindHost),
    "deaf": Wrappers(agent=DeafAgent),
    "always-fail": Wrappers(agent=AlwaysFail),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("control", choices=sorted(CONTROLS))
    parser.add_argument("work", choices=["train", "evaluate"])
    add_run_arguments(parser)
    arguments = parse(parser, sys.argv[1:])
    arguments.settings = [f"kind={arguments.work}", *arguments.settings]

    async def work(ready: Launch) -> Ending:
        run = run_training if arguments.work == "train" else run_evaluation
        return await run(
            ready.config,
            run_dir=ready.run_dir,
            attempt=ready.attempt,
            sink=ready.sink,
            executor=ready.executor,
            stop=ready.stop,
            resuming=False,
            wrappers=CONTROLS[arguments.control],
        )

    print(launch(arguments, arguments.work, work).reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
