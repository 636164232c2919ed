"""Several screenshots in one body: there and back, and every way of being no pack."""

from __future__ import annotations

import pytest

from arpo_engine.contract.framepack import MOST_FRAMES, PackUnreadable, pack, unpack


def test_a_pack_gives_back_what_went_in() -> None:
    frames = [b"one", b"", b"x" * 70_000]
    assert list(unpack(pack(frames))) == frames


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "holds no frame"),
        (b"\x00\x00", "inside the length of frame 1"),
        (pack([b"one"])[:-1], "frame 1 says 3 bytes, and 2 follow"),
        (pack([b"one"]) + b"\xff\xff\xff\xff", "frame 2 says 4294967295 bytes"),
        (pack([b"x"] * (MOST_FRAMES + 1)), "more than 64 frames"),
    ],
)
def test_what_is_no_pack_is_named(body: bytes, word: str) -> None:
    with pytest.raises(PackUnreadable, match=word):
        unpack(body)
