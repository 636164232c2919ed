from __future__ import annotations

import random

import numpy as np
import pytest

from arpo_engine.contract.actions import Action
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.host import PocketHost
from arpo_engine.desktops.pocket.oracle import demonstrate
from arpo_engine.desktops.pocket.screen import Overlay
from arpo_engine.desktops.pocket.tasks import make_task
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.types import Pixels
from tests.engine.desktops.helpers import a_task, keys, press, write

DESKTOPS = 12


def _recorded(desktop: PocketDesktop, seed: int) -> tuple[Task, list[Action], list[Pixels], float]:
    rng = random.Random(seed)
    task = make_task(rng.choice(list(TEMPLATES)), rng, "train")
    shown = demonstrate(desktop, task, rng, wrong=0.2)
    return task, [step.action for step in shown.steps], [step.pixels for step in shown.steps], shown.score


def test_desktops_that_take_turns_see_what_each_would_see_alone(desktop: PocketDesktop) -> None:
    alone = [_recorded(desktop, seed) for seed in range(DESKTOPS)]
    host = PocketHost(DESKTOPS)
    seen = [[host.reset(place, task).pixels] for place, (task, _, _, _) in enumerate(alone)]
    order = [place for place, (_, actions, _, _) in enumerate(alone) for _ in actions]
    random.Random(1).shuffle(order)
    done = [0] * DESKTOPS
    for place in order:
        seen[place].append(host.step(place, alone[place][1][done[place]]).pixels)
        done[place] += 1
    for place, (_, actions, frames, score) in enumerate(alone):
        assert all(np.array_equal(one, other) for one, other in zip(frames, seen[place], strict=False))
        assert host.score(place, actions[-1]) == score
    host.close()


def test_focus_clipboard_and_dialogs_are_a_desktops_own(desktop: PocketDesktop) -> None:
    other = PocketDesktop()
    for one in (desktop, other):
        one.reset(a_task("write-note"))
        press(one, "Notes", "Text")
    write(desktop, "secret")
    keys(desktop, "ctrl", "a")
    keys(desktop, "ctrl", "c")
    keys(other, "ctrl", "v")
    write(other, "mine")
    desktop.reset(a_task("delete-file"))
    press(desktop, "Files", a_task("delete-file").config[0].parameters["files"][0], "Delete")
    press(other, "Save")
    assert other.screen.stored.note == "mine"
    assert other.screen.overlay is None
    other.close()
    press(desktop, "No")


def test_nothing_of_an_episode_is_left_in_the_next_one(desktop: PocketDesktop) -> None:
    task = a_task("write-note")
    fresh = desktop.reset(task).pixels
    press(desktop, "Notes", "Text")
    write(desktop, "left behind")
    keys(desktop, "ctrl", "a")
    keys(desktop, "ctrl", "c")
    press(desktop, "Save", "Close", "Setup", "Color")
    assert np.array_equal(desktop.reset(task).pixels, fresh)
    press(desktop, "Notes", "Text")
    keys(desktop, "ctrl", "v")
    press(desktop, "Save")
    assert desktop.screen.stored.note == ""


def test_a_dialog_that_outlives_a_reset_is_found_out(desktop: PocketDesktop) -> None:
    task = a_task("write-note")
    desktop.reset(task)
    stray = Overlay(desktop.screen, dim=True, dismiss=lambda: None)
    stray.kind = "confirm"
    stray.show()
    with pytest.raises(DesktopLost, match="not fresh after a reset: open dialogs: confirm"):
        desktop.reset(task)


def test_a_page_that_writes_as_it_opens_is_found_out(desktop: PocketDesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    task = a_task("write-note")
    desktop.reset(task)
    home = desktop.screen.pages["Home"]
    monkeypatch.setattr(home, "load", lambda: setattr(desktop.screen.stored, "note", "left"))
    with pytest.raises(DesktopLost, match="stored values: note"):
        desktop.reset(task)
