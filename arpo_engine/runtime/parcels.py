"""Big messages between processes of one machine: what is large in them lies in a file that all of them map.

Pickle hands arrays out instead of copying them (protocol 5), so that a step's screenshots are written once, whatever
the number of those who read them, and are read where they lie. Knows nothing of what is in a parcel.
"""

from __future__ import annotations

import mmap
import pickle
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALIGNED = 64
"""Bytes: where each array begins, so that it may be read as any kind of number."""
MEMORY = Path("/dev/shm")
ROOM = 8 * 1024**3
"""Bytes that must be free in memory: a step's screenshots take some of them, and a container often has 64 MB."""


def shared_folder() -> Path:
    """A fresh folder in memory where the system has such a place with room, else on disk (TMPDIR)."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    return Path(tempfile.mkdtemp(prefix="arpo-ranks-", dir=MEMORY if roomy else None))


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message without its arrays, and where these are."""

    letter: bytes
    file: str | None
    spans: tuple[tuple[int, int], ...]
    """Start and length of each."""


def pack(value: Any, file: Path) -> Parcel:
    """Write the arrays of `value` to a file, if it has any; whoever packs removes it when it was read. An earlier one
    of that name stays what it is for those who still read it.

    Raises:
        OSError: there is no room for it.
    """
    arrays: list[pickle.PickleBuffer] = []
    letter = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    if not arrays:
        return Parcel(letter, None, ())
    spans, place = [], 0
    file.unlink(missing_ok=True)
    with file.open("wb") as opened:
        for array in arrays:
            raw = array.raw()
            opened.write(b"\0" * (-place % ALIGNED))
            place += -place % ALIGNED
            opened.write(raw)
            spans.append((place, raw.nbytes))
            place += raw.nbytes
    return Parcel(letter, str(file), tuple(spans))


def unpack(parcel: Parcel) -> Any:
    """The value; its arrays are read-only views of the file, which may be removed meanwhile."""
    if parcel.file is None:
        return pickle.loads(parcel.letter)
    if not any(length for _, length in parcel.spans):
        return pickle.loads(parcel.letter, buffers=[b"" for _ in parcel.spans])
    with Path(parcel.file).open("rb") as opened:
        mapped = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    arrays = [mapped[start : start + length] for start, length in parcel.spans]
    return pickle.loads(parcel.letter, buffers=arrays)
