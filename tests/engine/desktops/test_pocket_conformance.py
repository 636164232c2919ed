from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from arpo_engine.contract.actions import Click, Finished, SingleAction, TypeText
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.base import Desktop
from arpo_engine.desktops.pocket.apps import NotesPage, SetupPage
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.scenes import labels_on_screen
from tests.conformance.desktop_suite import DesktopSuite, Effect, SampleTasks
from tests.engine.desktops.helpers import a_task, words


class TestPocketDesktop(DesktopSuite):
    @pytest.fixture
    def desktop(self) -> Iterator[Desktop]:
        made = PocketDesktop()
        yield made
        made.close()

    @pytest.fixture
    def samples(self) -> SampleTasks:
        return SampleTasks(
            feasible=a_task("turn-on", 1), other=a_task("open-file", 2), infeasible=a_task("open-file-missing", 3)
        )

    @pytest.fixture
    def effects(self) -> dict[str, Effect]:
        app, note, file = a_task("open-app"), a_task("write-note"), a_task("open-file")
        gone, level = a_task("delete-file"), a_task("set-level")
        in_text, in_file = ("Notes", "Text"), words(file)[0]
        menu = {"Open", "Rename", "Delete"}
        level_2, _ = _after(level, "Setup", "2")
        level_5, at_5 = _after(level, "Setup", "5")
        return {
            "click": Effect(app, lambda one: _of(one).screen.stored.app, "Mail", at=_after(app)[1]["Mail"]),
            "right_click": Effect(
                file,
                lambda one: set(labels_on_screen(_of(one))),
                menu,
                at=_after(file, "Files")[1][in_file],
                first=_after(file, "Files")[0],
            ),
            "double_click": Effect(
                file,
                lambda one: one.score(Finished()),
                1.0,
                at=_after(file, "Files")[1][in_file],
                first=_after(file, "Files")[0],
            ),
            "type": Effect(note, _written, "Abc, <x> & 'y'!", first=_after(note, *in_text)[0]),
            "type_unicode": Effect(note, _written, "née 漢字 € „ß“ Ω", first=_after(note, *in_text)[0]),
            "hotkey": Effect(
                note,
                lambda one: _of(one).screen.stored.note,
                "tea",
                first=(*_after(note, *in_text)[0], TypeText(text="tea")),
            ),
            "key": Effect(
                gone,
                lambda one: words(gone)[0] in _of(one).screen.stored.files,
                False,
                first=_after(gone, "Files", words(gone)[0], "Delete")[0],
            ),
            "scroll": Effect(level, _level, 2, at=at_5["5"], first=level_5),
            "drag": Effect(level, _level, 5, at=at_5["2"], to=at_5["5"], first=level_2),
        }


def _of(desktop: Desktop) -> PocketDesktop:
    return cast(PocketDesktop, desktop)


def _written(desktop: Desktop) -> str:
    return cast(NotesPage, _of(desktop).screen.pages["Notes"]).editor.text()


def _level(desktop: Desktop) -> int:
    return cast(SetupPage, _of(desktop).screen.pages["Setup"]).level.value()


def _after(task: Task, *labels: str) -> tuple[tuple[SingleAction, ...], dict[str, tuple[int, int]]]:
    """The clicks on labels one after the other, and where labels are then."""
    desktop = PocketDesktop()
    desktop.reset(task)
    clicks = []
    for label in labels:
        x, y = labels_on_screen(desktop)[label]
        clicks.append(Click(x=x, y=y))
        desktop.step(clicks[-1])
    places = labels_on_screen(desktop)
    desktop.close()
    return tuple(clicks), places
