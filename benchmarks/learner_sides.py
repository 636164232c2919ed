"""The two sides of `benchmarks/learner.py` as processes, and the episodes that both of them learn from."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from arpo_engine.contract.config import load_config
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.inference.base import Sampling
from arpo_engine.models.folder import locate
from arpo_engine.runtime.context import open_context
from arpo_engine.runtime.local import LocalExecutor
from arpo_engine.types import Step
from benchmarks.learner_work import Work
from benchmarks.trl_home import ROOT

CONFIG = ROOT / "configs" / "pocket_demo.yaml"


class Worker:
    """One side, in a process of its own."""

    def __init__(self, name: str, python: Path | str, folder: Path, threads: int) -> None:
        command = [str(python), "-m", f"benchmarks.learner_{name}", str(folder), str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )

    def ask(self, do: str, settings: dict[str, Any] | None = None) -> dict[str, float]:
        """Let it do something and wait for its answer.

        Raises:
            SystemExit: it died; its last words are on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "settings": settings}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the side {self.name!r} ended with {self._process.wait()}; its last words are above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


async def collect(groups: int, group_size: int, folder: Path) -> Work:
    """Episodes of `groups` tasks, `group_size` of each, as the preset `pocket_demo` plays them."""
    config = load_config(CONFIG, [f"desktops.count={groups * group_size}"])
    sampling = Sampling(
        temperature=config.rollout.temperature, top_p=1.0, max_new_tokens=config.generator.max_new_tokens
    )
    async with open_context(config, run_dir=folder, attempt=1, sink=MemorySink(), executor=LocalExecutor()) as context:
        # From all over the split, whose neighbours are variants of one thing.
        tasks = context.train_tasks[:: len(context.train_tasks) // groups][:groups]
        plans = context.planner.groups(tasks, size=group_size, step=1, sampling=sampling)
        episodes = (context.scheduler.until_healthy(plan) for group in plans for plan in group.episodes)
        played = await asyncio.gather(*episodes)
    chance = random.Random(0)
    return Work(
        checkpoint=locate(config.model.path),
        trajectories=tuple(played),
        advantages=tuple(chance.choice((-1.0, 1.0)) * chance.uniform(0.5, 2.0) for _ in played),
        clip=config.algorithm.clip,
        temperature=config.rollout.temperature,
        group_size=group_size,
    )


def marked(work: Work) -> Work:
    """The same with a pixel of its own in every screenshot, so that no two are equal."""
    count = itertools.count()

    def mark(step: Step) -> Step:
        pixels = step.pixels.copy()
        pixels[0, 0] = (*divmod(next(count), 256), 0)
        return replace(step, pixels=pixels)

    trajectories = (replace(item, steps=tuple(mark(step) for step in item.steps)) for item in work.trajectories)
    return replace(work, trajectories=tuple(trajectories))
