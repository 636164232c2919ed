"""What is taken for a leftover, and what is not; machines that are really tampered with are in xvfb/."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops import survey_script
from arpo_engine.desktops.freshness import AsItCameUp, Survey
from tests.engine.desktops.simulated_server import simulated

SERVER = "python3 -m arpo_desktop serve"
WARM = "python3 -m arpo_desktop.warm"


def survey(*, windows: int = 0, processes: int = 0, files: dict[str, list[int]] | None = None) -> Survey:
    return Survey(
        windows=Counter(["xterm"] * windows), processes=Counter(["sleep"] * processes), files=dict(files or {})
    )


def test_what_is_there_again_is_no_leftover_and_what_has_gone_is_told_of_files_only():
    before = survey(windows=1, processes=2, files={"/tmp/a": [1, 1], "/tmp/b": [1, 1]})
    assert list(before.appeared_in(before)) == []
    after = survey(processes=1, files={"/tmp/a": [1, 2]})
    assert list(before.appeared_in(after)) == ["new or changed files: /tmp/a", "removed files: /tmp/b"]


def test_many_leftovers_are_told_by_the_first_and_their_number():
    assert list(survey().appeared_in(survey(processes=5))) == ["processes: sleep, sleep, sleep and 2 more"]


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"windows": [], "processes": 5, "files": {}}', "Killed"])
def test_a_look_that_cannot_be_read_is_a_lost_desktop(said: str):
    answer = json.dumps({"returncode": 0, "output": said}).encode()
    with (
        simulated(lambda *_: (200, {}, answer)) as machine,
        pytest.raises(DesktopLost, match="cannot be looked over: it said"),
    ):
        AsItCameUp(5.0).came_up(machine)


def test_the_server_and_what_its_warm_interpreter_starts_are_nobodys_leftovers(monkeypatch: pytest.MonkeyPatch):
    processes = {
        1: ("S", 0, "server", SERVER),
        7: ("S", 1, "warm", WARM),
        8: ("S", 7, "which", "which scrot"),
        9: ("S", 1, "sleep", "sleep 1000"),
        10: ("Z", 1, "ended", ""),
        11: ("S", 1, "look", "python3 -c look"),
    }
    texts = {}
    for pid, (state, parent, name, command) in processes.items():
        texts |= {f"/proc/{pid}/stat": f"{pid} ({name}) {state} {parent} 0", f"/proc/{pid}/cmdline": command}
        texts |= {f"/proc/{pid}/comm": f"{name}\n"}
    monkeypatch.setattr(survey_script, "_read", lambda path: texts.get(path, ""))
    monkeypatch.setattr(survey_script.os, "listdir", lambda _folder: [*map(str, processes), "12", "self"])
    monkeypatch.setattr(survey_script.os, "getpid", lambda: 11)
    assert survey_script.processes() == ["sleep"]
