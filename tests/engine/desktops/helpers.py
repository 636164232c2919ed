"""Steps that the pocket desktop's tests share."""

from __future__ import annotations

import random

from arpo_engine.contract.actions import Action, Click, Finished, Hotkey, TypeText
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.scenes import labels_on_screen
from arpo_engine.desktops.pocket.tasks import make_task


def a_task(template: str, seed: int = 0) -> Task:
    return make_task(template, random.Random(seed), "train")


def words(task: Task) -> list[str]:
    return list((task.model_extra or {})["words"])


def press(desktop: PocketDesktop, *labels: str) -> None:
    """Click labels one after the other, by pixel."""
    for label in labels:
        x, y = labels_on_screen(desktop)[label]
        desktop.step(Click(x=x, y=y))


def write(desktop: PocketDesktop, text: str) -> None:
    desktop.step(TypeText(text=text))


def keys(desktop: PocketDesktop, *names: str) -> None:
    desktop.step(Hotkey(keys=names))


def score_after(desktop: PocketDesktop, task: Task, *labels: str, last: Action | None = None) -> float:
    """Reset, click labels, say that it is done."""
    desktop.reset(task)
    press(desktop, *labels)
    return desktop.score(last or Finished())
