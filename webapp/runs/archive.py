"""Files of a run folder as a stream of bytes, and a folder of it as a tar: a piece at a time, whatever their size.

Knows files; knows no row and no request.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PIECE: Final = 1 << 20
_BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = b"\0" * (2 * _BLOCK)


@dataclass(frozen=True, slots=True)
class Member:
    """A file as it goes into a tar."""

    path: Path
    name: str
    size: int
    mtime: float

    @property
    def head(self) -> bytes:
        """Its header."""
        info = tarfile.TarInfo(self.name)
        info.size, info.mtime, info.mode = self.size, int(self.mtime), 0o644
        return info.tobuf(tarfile.GNU_FORMAT)

    @property
    def padding(self) -> bytes:
        """What fills its last block."""
        return b"\0" * (-self.size % _BLOCK)


def members_of(folder: Path, name: str) -> list[Member]:
    """The plain files below a folder, under `name` in the tar; links and what is no file are left out."""
    found = []
    for place, _, files in os.walk(folder, followlinks=False):
        for file in sorted(files):
            path = Path(place) / file
            state = path.lstat()
            if stat.S_ISREG(state.st_mode):
                inner = str(path.relative_to(folder))
                found.append(Member(path, f"{name}/{inner}", state.st_size, state.st_mtime))
    return sorted(found, key=lambda member: member.name)


def tar_size(members: list[Member]) -> int:
    """Bytes of the tar of these."""
    return sum(len(member.head) + member.size + len(member.padding) for member in members) + len(_END)


def tar_pieces(members: list[Member]) -> Iterator[bytes]:
    """The tar, piece by piece.

    Raises:
        OSError: a file went away, or is shorter than it was; the download breaks off and is seen to be broken.
    """
    for member in members:
        yield member.head
        yield from file_pieces(member.path, member.size)
        yield member.padding
    yield _END


def file_pieces(path: Path, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file: one that is being written grows meanwhile.

    Raises:
        OSError: it is a link by now, cannot be read, or is shorter.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        left = size
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                raise OSError(f"{path.name} became shorter while it was read")
            left -= len(piece)
            yield piece
