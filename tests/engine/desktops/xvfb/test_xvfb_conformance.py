from __future__ import annotations

import pytest

from arpo_engine.contract.actions import Click
from arpo_engine.contract.tasks import Evaluator
from arpo_engine.desktops.base import Desktop
from arpo_engine.desktops.osworld import RealDesktop
from tests.conformance.desktop_suite import DesktopSuite, Effect, SampleTasks
from tests.engine.desktops.xvfb.conftest import shell
from tests.engine.desktops.xvfb.listener import FILE, START, UNTIL_IT_LISTENS
from tests.engine.desktops.xvfb.plain_keeper import a_task

LISTENING = a_task(START, UNTIL_IT_LISTENS)


def heard(desktop: Desktop) -> list[str]:
    assert isinstance(desktop, RealDesktop)
    client = desktop._client
    assert client is not None
    return [line for line in shell(client, f"cat {FILE}").splitlines() if line != "listening"]


class TestXvfbDesktop(DesktopSuite):
    @pytest.fixture
    def desktop(self, real_desktop: RealDesktop) -> Desktop:
        return real_desktop

    @pytest.fixture
    def samples(self) -> SampleTasks:
        red = a_task("hsetroot -solid '#aa3333'", name="red")
        infeasible = a_task(name="infeasible").model_copy(update={"evaluator": Evaluator(func="infeasible")})
        return SampleTasks(feasible=a_task(), other=red, infeasible=infeasible)

    @pytest.fixture
    def effects(self) -> dict[str, Effect]:
        def keys(text: str) -> list[str]:
            return [f"key {name}" for name in text.split()]

        return {
            "click": Effect(LISTENING, heard, ["press 1 200 150", "release 1 200 150"]),
            "right_click": Effect(LISTENING, heard, ["press 3 200 150", "release 3 200 150"]),
            "double_click": Effect(LISTENING, lambda desktop: "double" in heard(desktop), True),
            "type": Effect(LISTENING, lambda desktop: "".join(_written(desktop)), "Abc, <x> & 'y'!"),
            "type_unicode": Effect(LISTENING, lambda desktop: "".join(_written(desktop)), "née 漢字 € „ß“ Ω"),
            "hotkey": Effect(LISTENING, lambda desktop: heard(desktop)[-1:], ["key ctrl+s"]),
            "key": Effect(LISTENING, heard, keys("Return")),
            "scroll": Effect(
                LISTENING, heard, [f"{what} 5 200 150" for _ in range(3) for what in ("press", "release")]
            ),
            "drag": Effect(
                LISTENING,
                lambda desktop: list(dict.fromkeys(heard(desktop))),
                ["press 1 200 150", "dragged", "release 1 300 250"],
            ),
        }

    def test_a_click_outside_the_screen_does_nothing(self, desktop: Desktop, samples: SampleTasks) -> None:
        """Here as on OSWorld's machine: it lands on the nearest place that is on the screen."""
        desktop.reset(LISTENING)
        desktop.step(Click(x=-5, y=10**6))
        assert heard(desktop) == ["press 1 0 767", "release 1 0 767"]


def _written(desktop: Desktop) -> list[str]:
    words = [line.removeprefix("key ") for line in heard(desktop)]
    return [" " if word in ("", "space") else word for word in words if not word.startswith(("Shift", "Control"))]
