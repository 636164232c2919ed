"""Where the directions of a try-out come from: the console's answers, or whoever speaks to this process. Each is given
once and in order. Knows no episode."""

from __future__ import annotations

import queue
from typing import Protocol

from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tryouts import Direction


class Directions(Protocol):
    """Asked by a try-out, often."""

    patient: bool
    """Whether each waits until the agent holds, as the lines of a script do; otherwise it is heeded at once."""

    @property
    def closed(self) -> bool:
        """Whether nobody can say anything any more."""
        ...

    def peek(self) -> Direction | None:
        """The next one that was not taken; None: nobody said anything."""
        ...

    def take(self) -> Direction:
        """It is carried out or refused now; it is never given again."""
        ...


class ConsoleDirections:
    """Implements `Directions`: those of the console, which repeats each until it hears that it was taken."""

    patient = False
    closed = False

    def __init__(self, sink: EventSink) -> None:
        self._sink = sink
        self._taken = 0

    def peek(self) -> Direction | None:
        """See `Directions`."""
        fresh = [said for said in self._sink.directions if said.number > self._taken]
        return min(fresh, key=lambda said: said.number, default=None)

    def take(self) -> Direction:
        """See `Directions`."""
        said = self.peek()
        assert said is not None, "only what was peeked at is taken"
        self._taken = said.number
        return said


class SpokenDirections:
    """Implements `Directions`: those of another thread of this process."""

    def __init__(self, *, patient: bool = False) -> None:
        self.patient = patient
        self._queue: queue.SimpleQueue[Direction] = queue.SimpleQueue()
        self._next: Direction | None = None
        self._ended = False

    def say(self, direction: Direction) -> None:
        """One more; from any thread."""
        self._queue.put(direction)

    def end(self) -> None:
        """There will be no more."""
        self._ended = True

    @property
    def closed(self) -> bool:
        """See `Directions`."""
        return self._ended and self.peek() is None

    def peek(self) -> Direction | None:
        """See `Directions`."""
        if self._next is None and not self._queue.empty():
            self._next = self._queue.get_nowait()
        return self._next

    def take(self) -> Direction:
        """See `Directions`."""
        said, self._next = self.peek(), None
        assert said is not None, "only what was peeked at is taken"
        return said
