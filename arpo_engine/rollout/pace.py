"""How fast an episode may go on: at its own pace, or in step with all others. The only thing that lockstep changes.

Generator, desktops, batching and retries are the same in both; what is measured between them is the barrier alone.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class Pace(Protocol):
    """Asked by an episode that has a desktop wherever it could wait for others."""

    def join(self) -> int:
        """An episode has its desktop; the number that it is known by."""
        ...

    async def turn(self, member: int) -> None:
        """Before each reply and before each action."""
        ...

    def leave(self, member: int) -> None:
        """The episode is over, however it ended; nobody waits for it any more. May be called twice."""
        ...

    async def rest(self) -> None:
        """After its score and before its desktop is given back."""
        ...


class OwnPace:
    """Implements `Pace`: nobody waits for anybody."""

    def join(self) -> int:
        """Nobody counts."""
        return 0

    async def turn(self, member: int) -> None:
        """At once."""

    def leave(self, member: int) -> None:
        """Nobody counts."""

    async def rest(self) -> None:
        """At once."""


class Lockstep:
    """Implements `Pace` in the published code's order of events (`ray_trainer.py`, `fit`): all resets, then all
    replies, then all actions, turn by turn; a desktop is scored when its episode ends and idles until all have ended.

    They go on in the order in which they joined, so that the generator's batches do not depend on the clock.
    """

    def __init__(self) -> None:
        self._joined = 0
        self._playing: set[int] = set()
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._resting: list[asyncio.Future[None]] = []

    def join(self) -> int:
        """From now on all others wait for this episode."""
        self._joined += 1
        self._playing.add(self._joined)
        return self._joined

    async def turn(self, member: int) -> None:
        """Until everybody who plays has come as far."""
        others = self._waiting[member] = asyncio.get_running_loop().create_future()
        self._go_on()
        await others

    def leave(self, member: int) -> None:
        """The others go on without it."""
        self._playing.discard(member)
        self._waiting.pop(member, None)
        self._go_on()

    async def rest(self) -> None:
        """Until nobody plays."""
        if self._playing:
            others = asyncio.get_running_loop().create_future()
            self._resting.append(others)
            await others

    def _go_on(self) -> None:
        if self._waiting.keys() >= self._playing:
            for _, turn in sorted(self._waiting.items()):
                if not turn.done():
                    turn.set_result(None)
            if not self._playing:
                for resting in self._resting:
                    if not resting.done():
                        resting.set_result(None)
                self._resting = []
            self._waiting = {}
