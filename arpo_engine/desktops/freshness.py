"""Whether a machine is as fresh as its provider says: asked before each episode, of the machine itself.

Two ways, for two sorts of machine. Ours are surveyed when they come up and again when an episode takes them; windows,
processes and files that appeared in between are somebody's leftovers. OSWorld's own machines start programs by
themselves whenever they like; there each episode leaves a mark, which is gone if the machine was really made anew.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Machine

SCRIPT = (Path(__file__).parent / "survey_script.py").read_text(encoding="utf-8")
NAMED = 3
"""Most leftovers of a kind that are told by name."""
MARK = "/var/tmp/.arpo-episode"
USED = "used"
MARKING = f"if [ -e {MARK} ]; then echo {USED}; else touch {MARK}; fi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What is on a machine."""

    windows: Counter[str]
    processes: Counter[str]
    """By the name of their program."""
    files: dict[str, list[int]]
    """Of the user's home and of what anybody may write to: size and time of the last change, by path."""

    def appeared_in(self, later: Survey) -> Iterator[str]:
        """What `later` has and this has not, kind by kind, in words."""
        files = sorted(path for path, state in later.files.items() if self.files.get(path) != state)
        gone = sorted(path for path in self.files if path not in later.files)
        for kind, names in (
            ("windows", sorted((later.windows - self.windows).elements())),
            ("processes", sorted((later.processes - self.processes).elements())),
            ("new or changed files", files),
            ("removed files", gone),
        ):
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                yield f"{kind}: {', '.join(names[:NAMED])}{more}"


class AsItCameUp:
    """For machines of our own: nothing may have appeared since they came up."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._known: dict[str, Survey] = {}
        self._lock = threading.Lock()

    def came_up(self, machine: Machine) -> None:
        """See `Freshness`."""
        survey = self._survey(machine)
        with self._lock:
            self._known[machine.name] = survey

    def problem(self, machine: Machine) -> str:
        """See `Freshness`."""
        with self._lock:
            before = self._known.pop(machine.name)
        return "; ".join(before.appeared_in(self._survey(machine)))

    def _survey(self, machine: Machine) -> Survey:
        said = _said(machine, ["python3", "-I", "-S", "-c", SCRIPT], self._timeout_s)
        try:
            found = json.loads(said)
            return Survey(
                windows=Counter(found["windows"]), processes=Counter(found["processes"]), files=dict(found["files"])
            )
        except (ValueError, TypeError, KeyError) as error:
            raise DesktopLost(f"{machine.name} cannot be looked over: it said {said[:100]!r}") from error


class Unmarked:
    """For virtual machines: what an episode leaves behind on purpose must be gone."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def came_up(self, machine: Machine) -> None:
        """Nothing is remembered of it."""

    def problem(self, machine: Machine) -> str:
        """See `Freshness`; whoever is told that there is none has marked it."""
        said = _said(machine, ["bash", "-c", MARKING], self._timeout_s)
        return f"{MARK}, which an earlier episode left there" if said.strip() == USED else ""


def _said(machine: Machine, command: list[str], timeout_s: float) -> str:
    client = DesktopClient(machine, timeout_s)
    try:
        done = client.post("/execute", {"command": command, "shell": False})
    finally:
        client.close()
    if done.get("returncode") not in (0, None):
        raise DesktopLost(f"{machine.name} cannot be looked over: {str(done.get('error')).strip()[-300:]}")
    return str(done.get("output", ""))
