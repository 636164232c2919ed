"""What an engine holds to tell the world something, a base for those that stand in between, and its fake for tests.

Knows events; no files, no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

from arpo_engine.contract.events import Event, FrameRef
from arpo_engine.contract.fleet import DesktopOrder
from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.tryouts import Direction


class PixelArray(Protocol):
    """A screenshot [height, width, 3] of 8-bit RGB, such as a NumPy array; never changed after it was handed over."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width, 3)."""
        ...

    def tobytes(self) -> bytes:
        """The pixels, row by row."""
        ...


class EventSink(Protocol):
    """Where events go. No method blocks for long or raises: reporting never fails a training."""

    @property
    def directive(self) -> Directive:
        """What the console wants the run to do next; `run` where there is no console."""
        ...

    @property
    def orders(self) -> Sequence[DesktopOrder]:
        """What the console wants done to desktops and has not heard the outcome of, oldest first."""
        ...

    @property
    def directions(self) -> Sequence[Direction]:
        """What people said to a try-out and have not heard the outcome of, oldest first."""
        ...

    def emit(self, event: Event) -> None:
        """Record an event. Events keep the order in which they were emitted."""
        ...

    def store_frame(self, pixels: PixelArray) -> FrameRef | None:
        """Keep a screenshot and return what to put into an event; None: it cannot be kept, go on without."""
        ...

    def close(self) -> None:
        """Write and ship what is left, for a bounded time; may be called twice."""
        ...


class PassingSink:
    """An `EventSink` that hands everything to the one inside; whoever stands in between overrides what it looks at."""

    def __init__(self, inner: EventSink) -> None:
        self._inner = inner

    @property
    def directive(self) -> Directive:
        """The word of the one inside."""
        return self._inner.directive

    @property
    def orders(self) -> Sequence[DesktopOrder]:
        """The orders of the one inside."""
        return self._inner.orders

    @property
    def directions(self) -> Sequence[Direction]:
        """The directions of the one inside."""
        return self._inner.directions

    def emit(self, event: Event) -> None:
        """Pass the event on."""
        self._inner.emit(event)

    def store_frame(self, pixels: PixelArray) -> FrameRef | None:
        """Pass the screenshot on."""
        return self._inner.store_frame(pixels)

    def close(self) -> None:
        """End the one inside."""
        self._inner.close()


class MemorySink:
    """Keeps events in a list, for tests."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.frames: dict[str, bytes] = {}
        self.directive = Directive.RUN
        self.orders: Sequence[DesktopOrder] = ()
        self.directions: Sequence[Direction] = ()
        self.closed = False

    def emit(self, event: Event) -> None:
        """Append it to `events`."""
        self.events.append(event)

    def store_frame(self, pixels: PixelArray) -> FrameRef | None:
        """Keep the raw pixels by their hash."""
        height, width = pixels.shape[:2]
        raw = pixels.tobytes()
        sha256 = hashlib.sha256(raw).hexdigest()
        self.frames[sha256] = raw
        return FrameRef(sha256=sha256, width=width, height=height)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
