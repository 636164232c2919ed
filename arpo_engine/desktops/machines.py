"""The seam of providers: a machine is a fresh desktop somewhere whose server answers; a provider starts them.

A provider is all that differs between a display of this host, a container, and a virtual machine; what is done with a
desktop (`osworld.py`) and how it is spoken to (`desktop_client.py`) is the same. A machine serves one episode and is
then ended, so each provider says here how a state becomes fresh: by starting another one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from arpo_engine.contract.errors import DesktopLost

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a machine answers."""

    host: str = "127.0.0.1"
    server_port: int
    chromium_port: int = 9222
    """Chromium's debugging port, as tasks start it."""
    vlc_port: int = 8080
    token: str = ""
    """Sent with each request; empty where the server asks for none, as OSWorld's own."""
    typed: bool = True
    """Whether the server carries out typed actions (`POST /act`) and answers a request id once. OSWorld's own does
    neither: it is sent pyautogui code, and never sent the same again."""


class Machine(Protocol):
    """A desktop that has been started and not been used yet."""

    name: str
    address: Address

    def gone(self) -> str:
        """Why it is no longer there, as far as can be seen without asking it; empty while it seems to live."""
        ...

    def close(self) -> None:
        """End it with everything in it; may be called twice."""
        ...


@runtime_checkable
class PausableMachine(Machine, Protocol):
    """One that can be frozen as it is and woken again, as a container and a virtual machine can."""

    def pause(self) -> None:
        """Freeze it: nothing in it goes on.

        Raises:
            DesktopLost: whoever runs it refuses, or does not answer.
        """
        ...

    def wake(self) -> None:
        """Let it go on; one that goes on already is fine.

        Raises:
            DesktopLost: as above.
        """
        ...


class Provider(Protocol):
    """Starts machines of one kind; may be called from several threads."""

    def start(self) -> Machine:
        """A fresh machine that acts and sees.

        Raises:
            DesktopLost: it does not come up; the text says why and what to do.
        """
        ...


class Freshness(Protocol):
    """How a provider's machines show that they are fresh; asked from several threads."""

    def came_up(self, machine: Machine) -> None:
        """It has just come up; what must be remembered of it is."""
        ...

    def problem(self, machine: Machine) -> str:
        """What of somebody else's is on a machine that an episode is about to take; empty where there is nothing.

        Raises:
            DesktopLost: it does not answer, or not so that it can be understood.
        """
        ...


class FreshMachines:
    """Machines for one episode each, of which some are started ahead, so that nobody waits for a start."""

    def __init__(self, provider: Provider, spares: int, freshness: Freshness | None = None) -> None:
        """Without `freshness` machines are believed to be fresh."""
        self._provider = provider
        self._spares = spares
        self._freshness = freshness
        self._ready: deque[Machine] = deque()
        self._starting = 0
        self._closed = False
        self._problem = ""
        """Why a spare did not start, the last time that one did not."""
        self._changed = threading.Condition()

    def take(self) -> Machine:
        """A machine that nobody has used, at once if one stands ready.

        Raises:
            DesktopLost: none can be started, or the one that is there is not fresh; it is ended.
        """
        machine = self._waiting_one() or self._start()
        try:
            problem = self._freshness.problem(machine) if self._freshness is not None else ""
        except DesktopLost:
            machine.close()
            raise
        finally:
            # Only now, as an episode waits for the look, which a start beside it would make twice as long.
            self._refill()
        if problem:
            machine.close()
            raise DesktopLost(f"{machine.name} is not fresh, though nobody should have used it ({problem})")
        return machine

    def begin(self) -> None:
        """Start the spares, and do not wait."""
        self._refill()

    def fill(self, timeout_s: float) -> None:
        """Start the spares, and wait for them.

        Raises:
            DesktopLost: none of them came up.
        """
        self._refill()
        with self._changed:
            self._changed.wait_for(lambda: not self._starting, timeout_s)
            if self._spares and not self._ready:
                raise DesktopLost(self._problem or f"no desktop came up within {timeout_s:g} s")

    def close(self) -> None:
        """End what nobody took, and what is still starting as soon as it is there."""
        with self._changed:
            self._closed = True
            left = list(self._ready)
            self._ready.clear()
        for machine in left:
            machine.close()

    def _waiting_one(self) -> Machine | None:
        """One that is ready or will be: waiting for one that starts is never slower than starting another."""
        with self._changed:
            while self._ready or self._starting:
                self._changed.wait_for(lambda: self._ready or not self._starting)
                while self._ready:
                    machine = self._ready.popleft()
                    reason = machine.gone()
                    if not reason:
                        return machine
                    log.warning("a spare desktop was lost", extra={"desktop": machine.name, "reason": reason})
                    machine.close()
        return None

    def _refill(self) -> None:
        with self._changed:
            missing = 0 if self._closed else self._spares - len(self._ready) - self._starting
            self._starting += max(missing, 0)
        for _ in range(missing):
            threading.Thread(target=self._start_one, name="spare-desktop", daemon=True).start()

    def _start_one(self) -> None:
        machine: Machine | None = None
        try:
            machine = self._start()
        except DesktopLost as error:
            self._problem = str(error)
            log.warning("a spare desktop did not start", extra={"reason": self._problem})
        finally:
            # Whatever happened: whoever waits for this one would wait for ever.
            self._has_come(machine)

    def _start(self) -> Machine:
        """A new one. What a machine refuses (processes, files, ports, memory) is a desktop that did not come up."""
        try:
            machine = self._provider.start()
        except OSError as error:
            raise DesktopLost(
                f"this machine has no room for another desktop: {error}; set desktops.count lower"
            ) from error
        try:
            if self._freshness is not None:
                self._freshness.came_up(machine)
        except DesktopLost:
            machine.close()
            raise
        return machine

    def _has_come(self, machine: Machine | None) -> None:
        with self._changed:
            self._starting -= 1
            if machine is not None and not self._closed:
                self._ready.append(machine)
                machine = None
            self._changed.notify_all()
        if machine is not None:
            machine.close()
