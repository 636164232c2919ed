"""Big messages between processes: arrays in a file that is mapped, and stays what it was for those who read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arpo_engine.runtime import parcels
from arpo_engine.runtime.parcels import pack, shared_folder, unpack


def test_what_is_packed_arrives_and_arrays_are_not_in_the_letter(tmp_path: Path):
    sent = {"a": np.arange(1000, dtype=np.float64), "b": np.zeros((3, 5), dtype=np.uint8), "word": "x"}
    parcel = pack(sent, tmp_path / "parcel")
    assert len(parcel.letter) < 1000
    found = unpack(parcel)
    assert found["word"] == "x"
    assert all(np.array_equal(found[name], sent[name]) for name in ("a", "b"))


def test_a_message_that_is_still_read_is_not_changed_by_the_next_one(tmp_path: Path):
    first = unpack(pack(np.full(5000, 1.0), tmp_path / "parcel"))
    second = unpack(pack(np.full(5000, 2.0), tmp_path / "parcel"))
    assert set(first) == {1.0} and set(second) == {2.0}


@pytest.mark.parametrize("room", [0, 1 << 62])
def test_a_small_memory_is_not_chosen_for_big_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int):
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    disk.mkdir()
    monkeypatch.setattr(parcels, "MEMORY", memory)
    monkeypatch.setattr(parcels, "ROOM", room)
    monkeypatch.setattr("tempfile.tempdir", str(disk))
    assert shared_folder().parent == (disk if room else memory)
