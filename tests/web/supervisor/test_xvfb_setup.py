"""What desktops of this machine need: told in one line, or installed when root asks for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from webapp.supervisor import install, xvfb_setup
from webapp.supervisor.errors import SupervisorError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """An installer that only notes what it was asked, into an environment of its own."""
    ran: list[list[str]] = []
    stage = install.Stage(name="desktop", title="Installing", usual_s=1, home=tmp_path / "home")

    def run(argv: list[str], log: Path, beat: install.Beat) -> int:
        ran.append(argv)
        (tmp_path / "home").mkdir(exist_ok=True)
        return 0

    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(install, "run", run)
    monkeypatch.setattr(xvfb_setup, "HOME", tmp_path / "home")
    monkeypatch.setattr(xvfb_setup, "STAGE", stage)
    return ran


def set_up(tmp_path: Path, *, install_system_packages: bool = False) -> None:
    xvfb_setup.set_up(
        install_system_packages=install_system_packages, log=tmp_path / "log", report=lambda elapsed_s: None
    )


def test_what_is_missing_is_one_line_to_copy(
    tmp_path: Path, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xvfb_setup, "missing_packages", lambda wanted: ["xvfb", "openbox"])
    with pytest.raises(SupervisorError, match="apt-get install --no-install-recommends xvfb openbox"):
        set_up(tmp_path)
    assert installed == []


def test_what_cannot_be_done_without_them_is_told_by_application(
    tmp_path: Path, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xvfb_setup, "missing_packages", lambda wanted: ["gimp", "libreoffice-impress"])
    with pytest.raises(SupervisorError, match="lacks applications that tasks are done in: LibreOffice Impress, GIMP"):
        set_up(tmp_path)
    monkeypatch.setattr(xvfb_setup, "missing_packages", lambda wanted: ["openbox", "vlc"])
    with pytest.raises(SupervisorError, match=r"desktop itself needs \(openbox\); and applications .*: VLC\."):
        set_up(tmp_path)


def test_root_may_ask_for_the_packages(
    tmp_path: Path, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[str] = []
    monkeypatch.setattr(
        xvfb_setup, "missing_packages", lambda wanted: [name for name in ("xvfb",) if name not in there]
    )
    monkeypatch.setattr(xvfb_setup, "apt_install", lambda packages, log: there.extend(packages))
    set_up(tmp_path, install_system_packages=True)
    assert there == ["xvfb"]
    assert installed


def test_the_servers_packages_are_locked_and_installed_once(
    tmp_path: Path, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xvfb_setup, "missing_packages", lambda wanted: [])
    set_up(tmp_path)
    once = len(installed)
    set_up(tmp_path)
    assert len(installed) == once
    assert {"--target", "--no-deps", "--require-hashes"} <= set(installed[-1])


def test_a_system_without_debian_packages_is_told_what_to_provide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SupervisorError, match="provides xvfb"):
        xvfb_setup.missing_packages(["xvfb"])
