"""Waits until a fresh machine answers, or says why it will not. Knows no provider."""

from __future__ import annotations

import time
from collections.abc import Callable

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Machine


def wait_until(
    asked: Callable[[DesktopClient], object],
    machine: Machine,
    *,
    ended: Callable[[], str],
    late: str,
    timeout_s: float,
    request_timeout_s: float,
    every_s: float,
) -> None:
    """Ask a machine again and again.

    Args:
        asked: What it has to answer: `DesktopClient.ready`, or `DesktopClient.look` where a picture is all that is
            known of it.
        machine: The one that starts.
        ended: Why it has ended; empty while it may still come up.
        late: What it did not do in time, and how long that was, for the sentence that says so.
        timeout_s: Longest wait.
        request_timeout_s: Longest wait for one answer.
        every_s: Pause between two questions.

    Raises:
        DesktopLost: it has ended, or it is late.
    """
    client = DesktopClient(machine, request_timeout_s)
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            try:
                asked(client)
                return
            except DesktopLost as error:
                reason = ended()
                if reason:
                    raise DesktopLost(f"{machine.name} did not start: {reason}") from error
                if time.monotonic() > deadline:
                    raise DesktopLost(f"{machine.name} {late}: {error}") from error
            time.sleep(every_s)
    finally:
        client.close()
