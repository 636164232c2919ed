"""Desktops with real applications side by side in one process of the engine, over machines of any provider."""

from __future__ import annotations

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop, TaskKeeper
from arpo_engine.types import Observation


class RealDesktopRow:
    """Implements `DesktopRow`."""

    def __init__(self, desktops: list[RealDesktop], machines: FreshMachines, keeper: TaskKeeper) -> None:
        self._desktops = desktops
        self._machines = machines
        self._keeper = keeper

    def reset(self, index: int, task: Task) -> Observation:
        """See `Desktop.reset`."""
        return self._at(index).reset(task)

    def step(self, index: int, action: SingleAction) -> Observation:
        """See `Desktop.step`."""
        return self._at(index).step(action)

    def score(self, index: int, last_action: SingleAction | None) -> float:
        """See `Desktop.score`."""
        return self._at(index).score(last_action)

    def wake(self, index: int) -> None:
        """See `DesktopRow.wake`."""
        self._at(index).wake()

    def close(self) -> None:
        """Close all of them."""
        self._machines.close()
        for desktop in self._desktops:
            desktop.close()
        self._keeper.close()

    def _at(self, index: int) -> RealDesktop:
        if not 0 <= index < len(self._desktops):
            raise DesktopLost(f"there is no desktop {index}; this host has 0 to {len(self._desktops) - 1}")
        return self._desktops[index]
