"""Keeps a set of children running and stops them in order. Knows nothing of what they are."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import psutil

from webapp.supervisor.child import Child, Spec, State
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.leftovers import descendants, end_descendants

TICK_S: Final = 0.5
ZOMBIE_S: Final = 10.0
PR_SET_CHILD_SUBREAPER: Final = 36


class Supervisor:
    """Children in the order in which they were started."""

    def __init__(
        self, *, tell: Callable[[str], None], changed: Callable[[], None], stop_order: Iterable[str] = ()
    ) -> None:
        self.children: dict[str, Child] = {}
        self._tell = tell
        self._changed = changed
        self._stop_order = tuple(stop_order)
        self._zombies: dict[int, float] = {}
        self._not_ours = descendants()
        """Whoever embeds us may have children of its own; they and theirs that run now are left alone."""
        adopt_orphans()

    def start(self, spec: Spec, *, wait: bool = True) -> Child:
        """Start a child, by default until it is ready."""
        child = Child(spec)
        self.children[spec.name] = child
        child.launch()
        self._changed()
        if wait:
            child.wait_ready()
            self._changed()
        return child

    def tick(self) -> None:
        """Look at every child once; start again what ended.

        Raises:
            SupervisorError: a child without which nothing works has ended too often.
        """
        for child in self.children.values():
            said = child.tick()
            if said is None:
                continue
            self._tell(said)
            self._changed()
            if child.state is State.FAILED and child.spec.essential:
                raise SupervisorError(said)
        self._reap_orphans()

    def watch(self, each: Callable[[], None]) -> NoReturn:
        """Look for ever; an exception (a signal) ends it."""
        while True:
            self.tick()
            each()
            time.sleep(TICK_S)

    def stop_all(self, *, within_s: float | None = None) -> None:
        """Stop in the given order, the rest last started first; then end whatever still descends from us."""
        for name in self._order():
            child = self.children[name]
            if child.state is not State.STOPPED:
                child.stop(within_s)
                self._changed()
        end_descendants(self._not_ours)

    def describe(self) -> list[dict[str, Any]]:
        """Each child in plain data, for `./arpo status`."""
        return [
            {"name": child.name, "state": str(child.state), "pid": child.pid, "restarts": child.restarts}
            for child in self.children.values()
        ]

    def _order(self) -> list[str]:
        first = [name for name in self._stop_order if name in self.children]
        return first + [name for name in reversed(self.children) if name not in first]

    def _reap_orphans(self) -> None:
        """Grandchildren whose parent ended are ours now; take their exit codes, or they stay as zombies."""
        ours = {child.pid for child in self.children.values()}
        now = time.monotonic()
        seen: dict[int, float] = {}
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.pid not in ours and process.status() == psutil.STATUS_ZOMBIE:
                    seen[process.pid] = self._zombies.get(process.pid, now)
        for pid, since in list(seen.items()):
            # Whoever waits for a process of its own (the installer) has done so long before.
            if now - since > ZOMBIE_S:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        self._zombies = seen


def adopt_orphans() -> None:
    """Linux only: processes that lose their parent become our children, so that the last sweep finds them."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
