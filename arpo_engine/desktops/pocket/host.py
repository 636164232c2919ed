"""Many pocket desktops in one process, addressed by number. Runs as it is: in-process, in a child, in a Ray actor.

Knows no process and no transport; all calls come from the process's main thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from arpo_engine.contract.actions import SingleAction
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.types import Observation


class PocketHost:
    """Owns `count` desktops, each built when it is first reset."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._desktops: dict[int, PocketDesktop] = {}

    def reset(self, index: int, task: Task) -> Observation:
        """Bring a desktop into the task's initial state."""
        if index not in self._desktops:
            self._check(index)
            self._desktops[index] = PocketDesktop()
        return self._desktops[index].reset(task)

    def step(self, index: int, action: SingleAction) -> Observation:
        """Carry an action out on a desktop."""
        return self._at(index).step(action)

    def score(self, index: int, last_action: SingleAction | None) -> float:
        """Score the task of a desktop."""
        return self._at(index).score(last_action)

    def reset_many(self, tasks: Sequence[tuple[int, Task]]) -> list[Observation]:
        """Reset several desktops in one call."""
        return [self.reset(index, task) for index, task in tasks]

    def step_many(self, actions: Sequence[tuple[int, SingleAction]]) -> list[Observation]:
        """Act on several desktops in one call."""
        return [self.step(index, action) for index, action in actions]

    def wake(self, index: int) -> None:
        """Nothing: these desktops are never paused."""

    def close(self) -> None:
        """Destroy every desktop; a later reset builds it anew."""
        for desktop in self._desktops.values():
            desktop.close()
        self._desktops.clear()

    def _at(self, index: int) -> PocketDesktop:
        self._check(index)
        if index not in self._desktops:
            raise DesktopLost(f"desktop {index} has not been reset yet; give it a task first")
        return self._desktops[index]

    def _check(self, index: int) -> None:
        if not 0 <= index < self.count:
            raise DesktopLost(f"there is no desktop {index}; this host has 0 to {self.count - 1}")


def build(_config: DesktopsConfig, count: int) -> PocketHost:
    """`count` desktops; nothing in the config changes how one looks."""
    return PocketHost(count)
