"""`./arpo setup osworld`: OSWorld's code without the 250 packages it names, in a Python that another user can read."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from webapp.env import BASE_DIR
from webapp.supervisor import chores, doctor, install, osworld_env
from webapp.supervisor.errors import SupervisorError

Commands = list[list[str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment would be; the stamps of the real one are not touched."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path / "own"


@pytest.fixture
def commands(home: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """What would be run."""
    ran: Commands = []

    def run(argv: list[str], log: Path, beat: install.Beat, variables: object = None) -> int:
        ran.append(argv)
        if argv[1] == "venv":
            Path(argv[-1]).mkdir()
        return 0

    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(install, "uv_program", lambda log, beat: "uv")
    return ran


def _install(home: Path, *, heavy: bool = False) -> None:
    osworld_env.install_osworld(home, home.with_name("log"), lambda elapsed_s: None, heavy=heavy)


def test_exactly_what_is_locked_is_installed_and_nothing_that_it_asks_for(home: Path, commands: Commands) -> None:
    _install(home)
    installed = [words for words in commands if "install" in words]
    assert [Path(words[-1]).name for words in installed] == ["osworld.txt", "desktop-env.txt"]
    assert all({"--no-deps", "--require-hashes"} <= set(words) for words in installed)
    assert all(str(home / "bin" / "python") in words for words in installed)
    assert commands[0][:3] == ["uv", "venv", "--clear"]
    assert "desktop_env" in commands[-1][-1]


def test_what_is_there_already_is_left_alone(home: Path, commands: Commands) -> None:
    _install(home)
    commands.clear()
    _install(home)
    assert commands == []


def test_heavy_packages_come_on_request_at_versions_of_the_same_time(home: Path, commands: Commands) -> None:
    _install(home)
    commands.clear()
    _install(home, heavy=True)
    assert [words[words.index("--python") + 2] for words in commands] == ["librosa", "easyocr"]
    assert all(osworld_env.AS_OF in words for words in commands)


def test_a_heavy_package_that_cannot_be_had_is_named_and_spoils_nothing(
    home: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(home)
    monkeypatch.setattr(install, "run", lambda argv, *more: 1 if "easyocr" in argv else 0)
    with pytest.raises(SupervisorError, match=r"easyocr could not be installed.*all others are scored"):
        _install(home, heavy=True)
    assert install.is_installed(install.Stage(name="osworld", title="", usual_s=1, home=home))


def test_an_environment_that_does_not_import_is_not_marked_as_there(
    home: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(argv: list[str], log: Path, beat: install.Beat, variables: object = None) -> int:
        log.write_text("ImportError: libGL.so.1", encoding="utf-8")
        return 1 if osworld_env.TRIAL in argv else 0

    monkeypatch.setattr(install, "run", run)
    with pytest.raises(SupervisorError, match=r"libGL\.so\.1"):
        _install(home)
    assert not install.is_installed(install.Stage(name="osworld", title="", usual_s=1, home=home))


def test_root_needs_a_python_and_a_folder_that_others_may_enter(
    home: Path, commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tmp_path.chmod(0o700)
    with pytest.raises(SupervisorError, match=r"closed to the user nobody.*--at /opt/arpo-osworld"):
        _install(home)
    assert commands == []
    closed = tmp_path / "python3.11"
    closed.touch(mode=0o755)
    monkeypatch.setattr(osworld_env, "_pythons", lambda: iter([closed]))
    with pytest.raises(SupervisorError, match=r"needs Python 3\.11 or 3\.12; .* is closed to other users than root"):
        osworld_env.find_python()


def test_a_full_disk_is_said_before_anything_is_fetched(
    home: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=100 * 2**20))
    with pytest.raises(SupervisorError, match="100 MB are free"):
        _install(home)
    assert commands == []


def test_the_doctor_tells_whether_it_is_there_as_it_is_locked(
    home: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(osworld_env.NAMED, str(home / "bin" / "python"))
    assert "is not installed" in doctor._osworld().says
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").touch()
    assert doctor._osworld().cure == f"./arpo setup osworld --at {home}"
    for stage in osworld_env.stages(home):
        install.mark_installed(stage)
    assert (doctor._osworld().verdict, doctor._osworld().cure) == ("ok", "")


def test_the_lock_holds_what_the_package_needs_and_neither_torch_nor_the_package() -> None:
    text = (BASE_DIR / "requirements" / "osworld.txt").read_text(encoding="utf-8")
    names = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))
    assert {"pandas", "opencv-python-headless", "python-docx", "playwright", "gymnasium"} <= names
    assert not {"torch", "transformers", "easyocr", "librosa", "desktop-env", "openai"} & names
    assert "numpy==1.26.4" in text
    assert "desktop-env==1.0.2" in (BASE_DIR / "requirements" / "desktop-env.txt").read_text(encoding="utf-8")
    assert chores.OWN_ENVIRONMENT["osworld"] == ["--exclude-newer", osworld_env.AS_OF]
