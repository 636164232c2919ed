"""Screens in random states, and where their words are: data for learning to point. Serves training, never a policy."""

from __future__ import annotations

import random

from arpo_engine.contract.actions import Click, TypeText
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.tasks import make_task
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.desktops.pocket.vocabulary import APPS, HOME, POOLS, PoolName
from arpo_engine.types import Pixels

MAX_CLICKS = 3
_STAY_HOME = 0.12
_LEAVING = ("Close",)


def labels_on_screen(desktop: PocketDesktop) -> dict[str, tuple[int, int]]:
    """Every word (or `row column` of a cell) that may be clicked now, with its click point in pixels."""
    return {word: (at.x(), at.y()) for word, at in desktop.screen.labels().items()}


def random_scene(desktop: PocketDesktop, rng: random.Random) -> tuple[Pixels, dict[str, tuple[int, int]]]:
    """Bring a desktop into a random state of a random page; give what is seen and where its words are."""
    pool: PoolName = rng.choice(list(POOLS))
    desktop.reset(make_task(rng.choice(list(TEMPLATES)), rng, pool))
    if rng.random() >= _STAY_HOME:
        desktop.screen.open(rng.choice(APPS))
        for _ in range(rng.randint(0, MAX_CLICKS)):
            _random_move(desktop, rng)
    return desktop.look().pixels, labels_on_screen(desktop)


def _random_move(desktop: PocketDesktop, rng: random.Random) -> None:
    places = [(word, at) for word, at in labels_on_screen(desktop).items() if word not in _LEAVING]
    if not places or desktop.screen.stored.app == HOME:
        return
    word, (x, y) = rng.choice(places)
    desktop.step(Click(x=x, y=y))
    if desktop.screen.focus_widget is not None:
        pool = POOLS[rng.choice(list(POOLS))]
        words = pool.values if " " in word else pool.texts
        desktop.step(TypeText(text=rng.choice(words)))
