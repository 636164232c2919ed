"""Copies of servers' programs, for a user who cannot reach the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.supervisor import identity
from webapp.supervisor.identity import Identity, reachable_copy

STRANGER = Identity(name="stranger", uid=60_001, gid=60_001)
FOLDERS = ("server", "server.libs")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Programs in a folder that only its owner may enter."""
    site = tmp_path / "closed" / "site"
    for folder in FOLDERS:
        (site / folder).mkdir(parents=True)
    (site / "server" / "run").write_text("program")
    (site / "server.libs" / "library.so").write_text("library")
    (tmp_path / "closed").chmod(0o700)
    return site


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for copies."""
    system = tmp_path / "system"
    system.mkdir()
    monkeypatch.setattr(identity, "SYSTEM_HOME", system)
    return system


def test_what_can_be_reached_is_not_copied(site: Path, system: Path) -> None:
    assert reachable_copy(site, FOLDERS, "server-1", None) == site
    assert list(system.iterdir()) == []


def test_a_whole_copy_is_used_again(site: Path, system: Path) -> None:
    copy = reachable_copy(site, FOLDERS, "server-1", STRANGER)
    made = (copy / "server" / "run").stat().st_ino
    (copy / "server" / "module.pyc").write_text("compiled since")
    assert reachable_copy(site, FOLDERS, "server-1", STRANGER) == copy
    assert (copy / "server" / "run").stat().st_ino == made


@pytest.mark.parametrize("old", ["run", "server/run"], ids=["another layout", "libraries missing"])
def test_a_copy_of_an_earlier_release_is_made_anew(site: Path, system: Path, old: str) -> None:
    left = system / "server-1" / old
    left.parent.mkdir(parents=True)
    left.write_text("program")
    copy = reachable_copy(site, FOLDERS, "server-1", STRANGER)
    assert (copy / "server.libs" / "library.so").read_text() == "library"
    assert sorted(path.name for path in copy.iterdir()) == sorted(FOLDERS)
    assert [path.name for path in system.iterdir()] == ["server-1"]
