from __future__ import annotations

from collections.abc import Callable

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Machine
from arpo_engine.desktops.waiting import wait_until
from tests.engine.desktops.simulated_server import Answer, simulated


class Booting:
    """A server that answers after so many questions."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, *_asked: object) -> Answer:
        self.left -= 1
        return (200, {}, b"{}") if self.left < 0 else (503, {}, b'{"message": "the desktop is starting"}')


def wait(machine: Machine, *, ended: Callable[[], str] = str, timeout_s: float = 10.0) -> None:
    wait_until(
        DesktopClient.ready,
        machine,
        ended=ended,
        late=f"did not come up within {timeout_s:g} s",
        timeout_s=timeout_s,
        request_timeout_s=5.0,
        every_s=0.01,
    )


def test_it_is_asked_until_it_answers() -> None:
    script = Booting(after=3)
    with simulated(script) as machine:
        wait(machine)
    assert script.left == -1


def test_one_that_has_ended_is_waited_for_no_longer() -> None:
    with (
        simulated(Booting(after=10**9)) as machine,
        pytest.raises(DesktopLost, match="simulated did not start: out of memory"),
    ):
        wait(machine, ended=lambda: "out of memory")


def test_one_that_is_late_says_what_it_answered_last() -> None:
    with (
        simulated(Booting(after=10**9)) as machine,
        pytest.raises(DesktopLost, match=r"did not come up within 0\.1 s: .*the desktop is starting"),
    ):
        wait(machine, timeout_s=0.1)
