"""What the desktop server takes for a full disk; a real one is in xvfb/test_full_disk.py."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from arpo_engine.desktops.server import room
from arpo_engine.desktops.server.room import LEAST_BYTES, shortage

HOME, TEMPORARY = Path("/home/user"), Path("/tmp")


def disks(monkeypatch: pytest.MonkeyPatch, **found: dict[str, int]) -> None:
    usual = {"f_bavail": 10**6, "f_frsize": 4096, "f_files": 100, "f_favail": 50}
    monkeypatch.setattr(os, "statvfs", lambda place: SimpleNamespace(**{**usual, **found.get(Path(place).name, {})}))


def test_a_disk_with_room_has_no_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    disks(monkeypatch)
    assert shortage((HOME, TEMPORARY)) == ""


def test_the_place_that_is_full_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    disks(monkeypatch, tmp={"f_bavail": LEAST_BYTES // 4096 - 1})
    assert shortage((HOME, TEMPORARY)) == f"the desktop's disk is full: {LEAST_BYTES - 4096} bytes are left in /tmp"


def test_a_disk_that_takes_no_more_files_is_full_too(monkeypatch: pytest.MonkeyPatch) -> None:
    disks(monkeypatch, user={"f_favail": 0})
    assert "/home/user takes no more files" in shortage((HOME, TEMPORARY))


def test_a_file_system_that_counts_no_files_is_not_full(monkeypatch: pytest.MonkeyPatch) -> None:
    disks(monkeypatch, user={"f_files": 0, "f_favail": 0})
    assert shortage((HOME,)) == ""


def test_places_of_this_machine_can_be_asked() -> None:
    assert isinstance(shortage((room.TEMPORARY,)), str)
