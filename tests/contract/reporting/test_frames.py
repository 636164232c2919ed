from __future__ import annotations

import errno
import hashlib
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.events import FrameRef
from arpo_engine.contract.reporting import frames as frames_module
from arpo_engine.contract.reporting.frames import FrameStore, frame_path, read_frame


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "frames"


def store_in(folder: Path, complaints: list[str], **settings: float) -> FrameStore:
    return FrameStore(folder, FramesConfig(**settings), complaints.append)


def picture(seed: int, height: int = 168, width: int = 224) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def kept(store: FrameStore, pixels: np.ndarray) -> FrameRef:
    frame = store.settle(store.store(pixels))
    assert frame is not None
    return frame


def test_a_frame_is_a_webp_file_named_by_the_hash_of_its_bytes(folder: Path, complaints: list[str]) -> None:
    frame = kept(store_in(folder, complaints), picture(0))
    path = frame_path(folder, frame.sha256)
    data = path.read_bytes()
    assert path.parent.name == frame.sha256[:2]
    assert hashlib.sha256(data).hexdigest() == frame.sha256
    assert Image.open(BytesIO(data)).size == (frame.width, frame.height) == (224, 168)
    assert frame.media_type == "image/webp"
    assert read_frame(folder, frame.sha256) == data


def test_the_same_pixels_are_encoded_once(folder: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    real = frames_module._webp
    monkeypatch.setattr(frames_module, "_webp", lambda *args: encoded.append(1) or real(*args))
    store = store_in(folder, complaints)
    assert kept(store, picture(0)) == kept(store, picture(0))
    assert kept(store, picture(1)) != kept(store, picture(0))
    assert len(encoded) == 2


def test_one_ticket_used_in_two_events_is_one_frame(folder: Path, complaints: list[str]) -> None:
    store = store_in(folder, complaints)
    ticket = store.store(picture(0))
    assert store.settle(ticket) == store.settle(ticket)


def test_pixels_of_another_shape_with_the_same_bytes_are_another_frame(folder: Path, complaints: list[str]) -> None:
    store = store_in(folder, complaints)
    pixels = picture(0, 100, 200)
    assert kept(store, pixels) != kept(store, pixels.reshape(200, 100, 3))


def test_at_the_cap_frames_are_left_out_and_it_is_said_once(folder: Path, complaints: list[str]) -> None:
    store = store_in(folder, complaints, max_mb=0.05)
    frames = [store.settle(store.store(picture(seed))) for seed in range(8)]
    assert frames[0] is not None
    assert frames[-2:] == [None, None]
    assert sum(path.stat().st_size for path in folder.rglob("*.webp")) <= 50_000
    assert len(complaints) == 1
    assert "frames.max_mb = 0.05" in complaints[0]


def test_the_cap_counts_what_an_earlier_attempt_stored(folder: Path, complaints: list[str]) -> None:
    kept(store_in(folder, complaints, max_mb=0.05), picture(0))
    again = store_in(folder, complaints, max_mb=0.001)
    assert again.settle(again.store(picture(1))) is None
    assert kept(again, picture(0)), "a frame that is there already costs nothing"


def test_a_full_disk_leaves_frames_out_and_says_so_once(
    folder: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = store_in(folder, complaints)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        assert [store.settle(store.store(picture(seed))) for seed in range(3)] == [None, None, None]
    assert len(complaints) == 1
    assert "No space left on device; free some space" in complaints[0]
    assert kept(store, picture(0)), "frames are kept again when there is space"


def test_a_missing_pillow_is_named_with_its_cure(
    folder: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    store = store_in(folder, complaints)
    assert store.settle(store.store(picture(0))) is None
    assert "pip install pillow" in complaints[0]


def test_pixels_that_are_no_picture_are_left_out(folder: Path, complaints: list[str]) -> None:
    store = store_in(folder, complaints)
    assert store.settle(store.store(np.zeros((4, 4), dtype=np.uint8))) is None
    assert "no 8-bit RGB picture" in complaints[0]


def test_pixels_that_wait_too_long_give_way_to_newer_ones(
    folder: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames_module, "MAX_WAITING_BYTES", 2 * 168 * 224 * 3)
    store = store_in(folder, complaints)
    tickets = [store.store(picture(seed)) for seed in range(3)]
    assert [store.settle(ticket) is not None for ticket in tickets] == [False, True, True]
    assert "frames.sample_every" in complaints[0]
    late = [store.store(picture(seed)) for seed in range(2)]
    assert all(store.settle(ticket) for ticket in late), "what was settled no longer counts as waiting"


def test_a_torn_frame_is_not_read_as_one(folder: Path, complaints: list[str]) -> None:
    store = store_in(folder, complaints)
    frame = kept(store, picture(0))
    frame_path(folder, frame.sha256).write_bytes(b"RIFF")
    assert read_frame(folder, frame.sha256) is None
    assert read_frame(folder, "0" * 64) is None
    again = store_in(folder, complaints)
    kept(again, picture(0))
    assert read_frame(folder, frame.sha256) is not None, "it is written again when it is seen again"
