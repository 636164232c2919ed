"""What a film can be written as."""

from __future__ import annotations

from enum import StrEnum


class FilmKind(StrEnum):
    """The form of its file."""

    WEBP = "webp"
    """An animated picture: for pages, chats and READMEs."""
    MP4 = "mp4"
    """H.264 video: for slides and everything else."""
