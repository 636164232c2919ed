"""A machine that somebody used before its episode is found out, ended, and another one serves the episode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.freshness import AsItCameUp, Unmarked
from arpo_engine.desktops.machines import FreshMachines, Machine
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.xvfb.provider import XvfbMachine, XvfbProvider
from tests.engine.desktops.xvfb.conftest import shell
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper, a_task

TAMPERING = {
    "a file of a person": ("echo secret > ~/Documents/answer.txt", "new or changed files: /home/user/Documents/answer"),
    "a file for anybody": ("echo x > /var/tmp/left", "new or changed files: /var/tmp/left"),
    "a setting": ("echo alias ls=false >> ~/.profile", "new or changed files: /home/user/.profile"),
    "a removed folder's file": ("rm -f ~/.Xauthority", "removed files: /home/user/.Xauthority"),
    "a program": ("setsid sleep 1000 > /dev/null 2>&1 &", "processes: sleep"),
    "a window": (
        "setsid python3 -c 'import tkinter; w = tkinter.Tk(); w.title(\"left\"); w.mainloop()' > /dev/null 2>&1 & "
        "for i in $(seq 100); do wmctrl -l | grep -q left && break; sleep 0.1; done",
        "windows: .*left",
    ),
}


@pytest.fixture
def fresh(provider: XvfbProvider) -> Iterator[FreshMachines]:
    made = FreshMachines(provider, 1, AsItCameUp(30.0))
    made.fill(30.0)
    yield made
    made.close()


def tamper(machine: Machine, command: str) -> None:
    client = DesktopClient(machine, 30.0)
    shell(client, command)
    client.close()


@pytest.mark.parametrize("sort", TAMPERING)
def test_a_spare_that_was_tampered_with_is_found_out_and_the_next_episode_is_fresh(fresh: FreshMachines, sort: str):
    command, told = TAMPERING[sort]
    (spare,) = fresh._ready
    tamper(spare, command)
    desktop = RealDesktop(fresh, PlainKeeper(), request_timeout_s=30, pause_s=0.15, settle_s=0.0)
    with pytest.raises(DesktopLost, match=rf"{spare.name} is not fresh.*{told}"):
        desktop.reset(a_task())
    assert spare.gone(), "it is ended, so no other episode gets it"
    desktop.reset(a_task())
    assert desktop.machine.name != spare.name
    desktop.close()


def test_a_spare_that_nobody_touched_is_fresh_however_often_it_was_looked_at(fresh: FreshMachines):
    (spare,) = fresh._ready
    client = DesktopClient(spare, 30.0)
    for _ in range(3):
        client.look()
        client.ready()
        shell(client, "true")
    client.close()
    assert fresh.take() is spare
    spare.close()


def test_a_machine_that_kept_an_episodes_mark_was_not_made_anew(machine: XvfbMachine):
    freshness = Unmarked(30.0)
    assert freshness.problem(machine) == ""
    assert "an earlier episode left" in freshness.problem(machine)
