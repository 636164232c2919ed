"""What a task is done in, and what is said where a machine lacks it: before a run, and before an episode."""

from __future__ import annotations

import json
from typing import Any

import pytest

from arpo_engine.contract.applications import KNOWN, application_named
from arpo_engine.contract.errors import SetupFailed
from arpo_engine.desktops.applications import require_applications
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Address
from arpo_engine.tasks.osworld.applications import applications_of, lacking
from tests.engine.tasks.osworld.simulated import FakeDesktop, task_of


def _launching(command: list[str] | str, **more: Any) -> dict[str, Any]:
    return {"config": [{"type": "launch", "parameters": {"command": command, **more}}]}


@pytest.mark.parametrize(
    ("spelling", "title"),
    [
        ("libreoffice calc", "LibreOffice Calc"),
        ("libreoffice_impress", "LibreOffice Impress"),
        ("Chrome", "Chromium"),
        ("vlc", "VLC"),
    ],
)
def test_an_application_is_known_in_every_spelling_of_osworlds_files(spelling: str, title: str) -> None:
    found = application_named(spelling)
    assert found is not None
    assert found.title == title


@pytest.mark.parametrize("word", ["os", "terminal", "vs_code", "calculator", ""])
def test_other_words_name_no_application(word: str) -> None:
    assert application_named(word) is None


def test_a_task_is_done_in_what_it_names_and_in_what_it_starts() -> None:
    task = task_of(related_apps=["libreoffice_calc", "os"], **_launching(["/usr/bin/thunderbird", "--profile", "x"]))
    assert [one.title for one in applications_of(task)] == ["LibreOffice Calc", "Thunderbird"]
    shell = task_of(related_apps=["vlc"], **_launching("VLC_VERBOSE=-1 vlc --no-audio film.webm", shell=True))
    assert applications_of(shell) == (KNOWN["vlc"],)
    assert applications_of(task_of(related_apps=["chrome"], **_launching(["google-chrome"]))) == (KNOWN["chrome"],)


def test_a_command_that_cannot_be_read_names_nothing() -> None:
    for command in ("echo 'never ends", "", [], "socat a b"):
        assert applications_of(task_of(**_launching(command))) == ()


def test_one_of_several_programs_is_enough() -> None:
    task = task_of(related_apps=["chrome", "gimp"])
    assert lacking(task, {"chromium-browser", "gimp"}.__contains__) == ()
    assert lacking(task, {"chromium"}.__contains__) == (KNOWN["gimp"],)


class _Machine:
    """A simulated desktop, as the client sees one; its shell is this machine's."""

    name = "fake:0"

    def __init__(self, desktop: FakeDesktop, *, typed: bool) -> None:
        self.address = Address(server_port=desktop.address.server_port, typed=typed)

    def gone(self) -> str:
        return ""

    def close(self) -> None:
        pass


@pytest.fixture
def desktop() -> Any:
    made = FakeDesktop()
    made.start()
    yield made
    made.stop()


def test_an_episode_does_not_begin_where_its_application_is_missing(
    desktop: FakeDesktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = DesktopClient(_Machine(desktop, typed=True), 10)
    require_applications(client, task_of(related_apps=["os"]))
    assert desktop.calls == []
    absent = task_of(**_launching(["dconf-editor"]))
    monkeypatch.setattr("tests.engine.tasks.osworld.simulated._executed", _finding())
    with pytest.raises(SetupFailed, match=r"settings editor \(dconf-editor\); run ./arpo setup xvfb"):
        require_applications(client, absent)
    monkeypatch.setattr("tests.engine.tasks.osworld.simulated._executed", _finding("/usr/bin/dconf-editor"))
    require_applications(client, absent)
    client.close()


def test_a_machine_of_osworlds_is_not_asked(desktop: FakeDesktop) -> None:
    client = DesktopClient(_Machine(desktop, typed=False), 10)
    require_applications(client, task_of(related_apps=["gimp"]))
    assert desktop.calls == []


def _finding(*paths: str) -> Any:
    """What the desktop's shell says of programs."""
    return lambda request: json.dumps({"status": "success", "output": "\n".join(paths), "returncode": 0}).encode()
