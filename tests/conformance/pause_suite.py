"""What every provider whose desktops can be paused must keep; see `desktop_suite.py` for how it is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from arpo_engine.contract.actions import Click, Finished, Wait
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.osworld import RealDesktop

CLICK = Click(x=3, y=3)


class Peer(Protocol):
    """Sees a desktop from outside, and spoils what is done to it."""

    def stands_still(self, desktop: RealDesktop) -> bool:
        """Whether no process of it moves, as seen for a moment."""
        ...

    def refuse_to_wake(self, desktop: RealDesktop) -> None:
        """From now on whoever runs the machine refuses to wake it."""
        ...

    def kill(self, desktop: RealDesktop) -> None:
        """End its machine behind its back, and return when that can be seen."""
        ...


class PauseSuite:
    @pytest.fixture
    def desktop(self) -> Iterator[RealDesktop]:
        raise NotImplementedError("yield a desktop that is paused while the model thinks, and close it")

    @pytest.fixture
    def unpaused(self) -> Iterator[RealDesktop]:
        raise NotImplementedError("yield one that is not")

    @pytest.fixture
    def peer(self) -> Peer:
        raise NotImplementedError("say how a pause is seen")

    @pytest.fixture
    def task(self) -> Task:
        raise NotImplementedError("give a task that the provider under test can set up and score")

    def test_nothing_moves_while_the_model_thinks(self, desktop: RealDesktop, peer: Peer, task: Task) -> None:
        desktop.reset(task)
        assert peer.stands_still(desktop)
        desktop.step(CLICK)
        assert peer.stands_still(desktop)

    def test_it_moves_where_no_pause_was_asked_for(self, unpaused: RealDesktop, peer: Peer, task: Task) -> None:
        unpaused.reset(task)
        unpaused.step(CLICK)
        assert not peer.stands_still(unpaused)

    def test_the_next_action_finds_it_awake(self, desktop: RealDesktop, task: Task) -> None:
        before = desktop.reset(task).pixels
        for action in (CLICK, Wait(seconds=0.0), CLICK):
            assert desktop.step(action).pixels.shape == before.shape

    def test_it_is_scored_awake_and_stays_so(self, desktop: RealDesktop, peer: Peer, task: Task) -> None:
        desktop.reset(task)
        assert desktop.score(Finished()) == 0.0
        assert not peer.stands_still(desktop)

    def test_a_lease_that_ends_leaves_it_awake(self, desktop: RealDesktop, peer: Peer, task: Task) -> None:
        desktop.reset(task)
        desktop.step(CLICK)
        desktop.wake()
        desktop.wake()
        assert not peer.stands_still(desktop)

    def test_a_paused_one_is_ended_like_any_other(self, desktop: RealDesktop, task: Task) -> None:
        desktop.reset(task)
        machine = desktop.machine
        desktop.reset(task)
        assert desktop.machine is not machine
        desktop.close()

    def test_one_that_cannot_be_woken_is_stuck(self, desktop: RealDesktop, peer: Peer, task: Task) -> None:
        desktop.reset(task)
        peer.refuse_to_wake(desktop)
        with pytest.raises(DesktopStuck, match="was paused while the model thought, and cannot be woken"):
            desktop.step(CLICK)

    def test_one_that_is_gone_meanwhile_is_lost_and_not_stuck(
        self, desktop: RealDesktop, peer: Peer, task: Task
    ) -> None:
        desktop.reset(task)
        peer.kill(desktop)
        with pytest.raises(DesktopLost) as raised:
            desktop.step(CLICK)
        assert not isinstance(raised.value, DesktopStuck)
