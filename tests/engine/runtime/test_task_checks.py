"""A missing file, missing code or a task that cannot run is said before the run begins, with the cure."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.tasks import Task
from arpo_engine.runtime.rows import CONFIG
from arpo_engine.runtime.task_checks import check_tasks
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import PYTHON

URL = "https://files.example.org/a.xlsx"


def _task(**more: Any) -> Task:
    return Task.model_validate({"id": "one", "instruction": "Do it", "evaluator": {"func": "exact_match"}, **more})


def _with_file() -> Task:
    return _task(config=[{"type": "download", "parameters": {"files": [{"url": URL, "path": "/home/user/a.xlsx"}]}}])


def _checks(*tasks: Task, provider: str = "xvfb", **settings: Any) -> dict[str, tuple[str, str, str]]:
    desktops = CONFIG.validate_python({"kind": provider, **settings})
    return {name: (status, fact, cure) for name, status, fact, cure in check_tasks(tasks, desktops, "SOURCE")}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARPO_DATA_DIR", str(tmp_path))
    monkeypatch.delenv(PYTHON, raising=False)
    return tmp_path


def test_a_missing_file_is_named_with_its_task_and_the_command_that_brings_it(data: Path) -> None:
    status, fact, cure = _checks(_with_file())["assets"]
    assert status == "fail"
    assert fact == f"1 file of the tasks is not on this machine; the first is {URL} of task one"
    assert cure.startswith("./arpo assets fetch --tasks SOURCE")
    (data / "a").write_bytes(b"x")
    AssetCache(data / "assets").adopt(URL, data / "a", "test")
    assert _checks(_with_file())["assets"][0] == "ok"


def test_missing_code_of_osworld_names_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PYTHON, str(tmp_path / "python"))
    status, fact, cure = _checks(_task())["scoring"]
    assert (status, "is not installed" in fact, PYTHON in cure) == ("fail", True, True)
    monkeypatch.setattr("arpo_engine.tasks.osworld.home.OWN", tmp_path / "none")
    monkeypatch.delenv(PYTHON)
    assert _checks(_task())["scoring"][2] == "run ./arpo setup osworld"


def test_code_that_is_there_is_run_by_whoever_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, sys.executable)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert _checks(_task())["scoring"][0] == "ok"


def test_root_never_runs_it_as_root_nor_as_nobody_knows_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, "/bin/sh")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setenv("ARPO_OSWORLD_USER", "root")
    assert "which is root" in _checks(_task())["scoring"][1]
    monkeypatch.setenv("ARPO_OSWORLD_USER", "no-such-user")
    assert "there is no such user" in _checks(_task())["scoring"][1]
    monkeypatch.setenv("ARPO_OSWORLD_USER", "nobody")
    assert _checks(_task())["scoring"][:2] == (
        "ok",
        "OSWorld's own code sets tasks up and scores them, with /bin/sh as the user nobody",
    )


def test_an_environment_that_its_user_cannot_enter_is_said_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "python").write_text("#!/bin/sh\n", encoding="utf-8")
    (closed / "python").chmod(0o755)
    monkeypatch.setenv(PYTHON, str(closed / "python"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    status, fact, cure = _checks(_task())["scoring"]
    assert status == "fail"
    assert "is closed to the user nobody" in fact
    assert "chmod o+x" in cure


def test_a_task_that_reaches_for_this_machine_does_not_begin() -> None:
    bad = _task(evaluator={"func": "exact_match", "result": {"type": "vm_file", "path": "/x", "dest": "../../x"}})
    status, fact, _ = _checks(_task(), bad)["task files"]
    assert (status, "leads out" in fact) == ("fail", True)
    assert _checks(_task())["task files"][0] == "ok"


def test_a_task_whose_application_is_not_installed_is_refused_with_the_line_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("arpo_engine.runtime.task_checks.has_program", {"vlc"}.__contains__)
    drawing, playing = _task(related_apps=["gimp"]), _task(related_apps=["vlc"]).model_copy(update={"id": "two"})
    status, fact, cure = _checks(drawing, playing)["applications"]
    assert status == "fail"
    assert fact == "1 of 2 tasks are done in what this machine lacks: GIMP (gimp)"
    assert cure.startswith("run ./arpo setup xvfb, or as root: apt-get install --no-install-recommends gimp")
    assert cure.endswith("leave out one")
    assert _checks(playing)["applications"][0] == "ok"


def test_an_image_that_says_what_it_holds_is_believed_and_another_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = _task(related_apps=["gimp"])
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert "applications" not in _checks(drawing, provider="docker")
    assert "applications" not in _checks(drawing, provider="vmware")
    monkeypatch.setattr("arpo_engine.runtime.task_checks.programs_of", lambda image: frozenset({"vlc"}))
    status, fact, cure = _checks(drawing, provider="docker")["applications"]
    assert (status, fact) == ("fail", "1 of 1 tasks are done in what the image lacks: GIMP (gimp)")
    assert cure == "build it anew with ./arpo setup desktop-image, whose --apps should name gimp; or leave out one"
    monkeypatch.setattr("arpo_engine.runtime.task_checks.programs_of", lambda image: None)
    assert "applications" not in _checks(drawing, provider="docker")


def test_tasks_that_this_kind_of_desktop_cannot_do_are_counted_with_the_reason() -> None:
    web = _task(config=[{"type": "chrome_open_tabs", "parameters": {"urls_to_open": ["https://example.org"]}}])
    status, fact, cure = _checks(_task(), web)["runnable"]
    assert status == "warn"
    assert fact == ("1 of 2 tasks cannot be done on desktops of kind xvfb: needs the web while it runs (1)")
    assert cure == "import-osworld writes the split runnable_xvfb"
    assert _checks(_task(), web, provider="vmware")["runnable"][0] == "ok"


def test_a_task_that_asks_for_sudo_needs_a_container_whose_user_may() -> None:
    asking = _task(config=[{"type": "execute", "parameters": {"command": "sudo date"}}])
    status, fact, cure = _checks(asking, provider="docker")["runnable"]
    assert (status, "asks for sudo (1)" in fact) == ("warn", True)
    assert cure.endswith("desktops.administrator = true lets tasks use sudo inside their container")
    assert _checks(asking, provider="docker", administrator=True)["runnable"][0] == "ok"
    assert "administrator" not in _checks(asking, provider="xvfb")["runnable"][2]


def test_an_open_network_lets_tasks_of_the_web_run_and_a_closed_one_says_how_to_open_it() -> None:
    web = _task(config=[{"type": "chrome_open_tabs", "parameters": {"urls_to_open": ["https://example.org"]}}])
    status, fact, cure = _checks(web, provider="docker")["runnable"]
    assert (status, "needs the web" in fact) == ("warn", True)
    assert "desktops.network = open" in cure
    assert _checks(web, provider="docker", network="open")["runnable"][0] == "ok"


def test_without_root_it_is_said_what_a_display_of_this_machine_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    status, fact, _ = _checks(_task())["isolation"]
    assert (status, "sees the system's folders, and no other file" in fact) == ("ok", True)
    assert "isolation" not in _checks(_task(), provider="docker")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "isolation" not in _checks(_task())
