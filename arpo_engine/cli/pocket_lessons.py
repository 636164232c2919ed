"""Lessons for the pocket policy from the pocket desktop's oracles, made in a process of their own so that teaching
never waits for drawing. The desktop and the policy meet here and nowhere else.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import Queue
from queue import Full
from typing import TypeVar

from arpo_engine.agents.writing import write_reply
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.oracle import demonstrate
from arpo_engine.desktops.pocket.scenes import random_board, random_scene
from arpo_engine.desktops.pocket.tasks import make_task
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.desktops.pocket.vocabulary import POOLS
from arpo_engine.models.pocket.lessons import Demonstration, Scene

BATCHES_AHEAD = 6
NICENESS = 5
PARENT_CHECK_S = 10.0
BOARDS = 0.75
"""Share of the scenes that are boards: on real screens alone the layout is learnt instead of the words."""

Lesson = TypeVar("Lesson")
Make = Callable[[PocketDesktop, random.Random], Lesson]


@contextmanager
def batches(make: Make[Lesson], *, size: int, seed: int) -> Iterator[Iterator[list[Lesson]]]:
    """Endless batches from a second process, which ends with the block."""
    context = multiprocessing.get_context("spawn")
    queue: Queue[list[Lesson]] = context.Queue(BATCHES_AHEAD)
    process = context.Process(target=_produce, args=(make, size, seed, queue), daemon=True)
    process.start()
    try:
        yield _received(queue)
    finally:
        process.terminate()
        process.join()
        queue.close()
        queue.cancel_join_thread()


def scene(desktop: PocketDesktop, rng: random.Random) -> Scene:
    """Mostly a board of strewn words, now and then a random screen, with its labels."""
    pixels, labels = random_board(rng) if rng.random() < BOARDS else random_scene(desktop, rng)
    return Scene(pixels=pixels, labels=labels)


def demonstration(
    desktop: PocketDesktop, rng: random.Random, skip: Mapping[str, float] | None = None, wrong: float = 0.0
) -> Demonstration:
    """A fresh task of any kind, with the words of either pool, as the oracle does it; see `oracle.demonstrate`."""
    task = make_task(rng.choice(list(TEMPLATES)), rng, rng.choice(list(POOLS)))
    shown = demonstrate(desktop, task, rng, skip=skip or 0.0, wrong=wrong)
    turns = tuple((step.pixels, write_reply(step.thought, step.action)) for step in shown.steps)
    return Demonstration(instruction=task.instruction, turns=turns, succeeded=shown.score > 0)


def forgetful(skip: Mapping[str, float], wrong: float = 0.0) -> Make[Demonstration]:
    """Demonstrations of somebody who forgets these goals with these probabilities."""
    return partial(demonstration, skip=skip, wrong=wrong)


def _received(queue: Queue[list[Lesson]]) -> Iterator[list[Lesson]]:
    while True:
        yield queue.get()


def _produce(make: Make[Lesson], size: int, seed: int, queue: Queue[list[Lesson]]) -> None:
    os.nice(NICENESS)
    rng = random.Random(seed)
    desktop = PocketDesktop()
    parent = multiprocessing.parent_process()
    while True:
        batch = [make(desktop, rng) for _ in range(size)]
        while True:
            try:
                queue.put(batch, timeout=PARENT_CHECK_S)
                break
            except Full:
                # A killed teacher takes nobody with it; its producer goes by itself.
                if parent is None or not parent.is_alive():
                    return
