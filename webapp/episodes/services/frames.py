"""Screenshots as files by the hash of their bytes: verified on the way in, capped per run, asked for while missing."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from arpo_engine.contract.framepack import FramesAnswer
from webapp.episodes.models import Frame
from webapp.runs.models import Run

MAX_FRAME_BYTES: Final = 2 * 1024 * 1024
MIN_FREE_BYTES: Final = 200 * 1000 * 1000
"""Less room than this on the disk and frames are refused: the database needs it more."""
DEFAULT_FRAMES_MB: Final = 500.0
MISSING_LIMIT: Final = 200
"""Frames asked for in one answer."""
ASK_AGAIN_AFTER: Final = timedelta(seconds=30)
ASK_TIMES: Final = 20
SHA256: Final = re.compile(r"[0-9a-f]{64}")


_MARK_STORED: Final = """
    UPDATE episodes_frame AS f SET stored_at = %s, size = new.size, media_type = new.media_type
    FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS new (id, size, media_type)
    WHERE f.id = new.id AND f.stored_at IS NULL RETURNING new.size
"""


class FrameRefused(Exception):
    """A screenshot is not taken; the text says why and what would be."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status that fits."""


def frame_name(run_id: str, sha256: str) -> str:
    """Where the storage keeps it."""
    return f"frames/{run_id}/{sha256[:2]}/{sha256}"


def store_frame(run: Run, sha256: str, data: bytes) -> bool:
    """Keep a screenshot that an event named; True when it is new, False when it was there already.

    Raises:
        FrameRefused: it is too large, no picture, not what its name says, not named by any event, or there is no room.
    """
    _verify(sha256, data)
    frame = Frame.objects.filter(run=run, sha256=sha256).first()
    if frame is None:
        raise _unnamed(run, sha256)
    if frame.stored_at is not None:
        return False
    _require_room(run, len(data))
    _write(run, sha256, data)
    _stored(run, {frame.pk: data})
    return True


def store_frames(run: Run, frames: Sequence[bytes]) -> FramesAnswer:
    """Keep several screenshots at once; each is taken or refused by itself.

    Raises:
        FrameRefused: there is no room, so that none of the rest can be taken; what was written before is kept.
    """
    answer = FramesAnswer()
    good: dict[str, bytes] = {}
    for data in frames:
        name = hashlib.sha256(data).hexdigest()
        try:
            _verify_picture(data)
        except FrameRefused as error:
            answer.refused[name] = str(error)
        else:
            good[name] = data
    rows = Frame.objects.filter(run=run, sha256__in=good).values_list("sha256", "pk", "stored_at")
    known = {name: (pk, stored_at) for name, pk, stored_at in rows}
    answer.refused.update({name: str(_unnamed(run, name)) for name in good if name not in known})
    fresh = {name: pk for name, (pk, stored_at) in known.items() if stored_at is None}
    _require_room(run, sum(len(good[name]) for name in fresh))
    for name in fresh:
        _write(run, name, good[name])
    answer.stored.extend(fresh)
    _stored(run, {pk: good[name] for name, pk in fresh.items()})
    return answer


def open_frame(run: Run, sha256: str) -> tuple[bytes, str] | None:
    """The bytes and the media type of a stored frame."""
    frame = Frame.objects.filter(run=run, sha256=sha256, stored_at__isnull=False).first()
    if frame is None:
        return None
    try:
        with default_storage.open(frame_name(run.pk, sha256)) as file:
            return file.read(), frame.media_type
    except FileNotFoundError:
        return None


def missing_frames(run: Run, *, again: bool = False) -> list[str]:
    """Frames that events named and that never arrived; each is asked for a bounded number of times, with pauses.

    `again` leaves the pauses out: the engine says that it may not have heard the last answer.
    """
    now = timezone.now()
    due = Q() if again else Q(asked_at=None) | Q(asked_at__lt=now - ASK_AGAIN_AFTER)
    rows = Frame.objects.filter(due, run=run, stored_at=None, asked_times__lt=ASK_TIMES).order_by("id")
    found = list(rows.values_list("id", "sha256")[:MISSING_LIMIT])
    if found:
        asked = Frame.objects.filter(id__in=[pk for pk, _ in found])
        asked.update(asked_at=now, asked_times=F("asked_times") + 1)
    return [sha256 for _, sha256 in found]


def _verify(sha256: str, data: bytes) -> None:
    if not SHA256.fullmatch(sha256):
        raise FrameRefused(f"{sha256[:80]!r} is no SHA-256; name the frame by 64 hex digits of its bytes", 422)
    _verify_picture(data)
    real = hashlib.sha256(data).hexdigest()
    if real != sha256:
        raise FrameRefused(f"the frame's bytes hash to {real[:12]}…, not to {sha256[:12]}…; send it again", 422)


def _verify_picture(data: bytes) -> None:
    if len(data) > MAX_FRAME_BYTES:
        raise FrameRefused(
            f"the frame has {len(data)} bytes; at most {MAX_FRAME_BYTES} are taken, lower its quality", 413
        )
    if not _media_type(data):
        raise FrameRefused("the frame is neither WebP nor JPEG nor PNG; send the encoded picture", 415)


def _unnamed(run: Run, sha256: str) -> FrameRefused:
    return FrameRefused(f"no event of run {run.pk} names a frame {sha256[:12]}…; send the event first", 404)


def _write(run: Run, sha256: str, data: bytes) -> None:
    name = frame_name(run.pk, sha256)
    try:
        if default_storage.exists(name):  # a crash came between the file and its row: the file may be torn
            default_storage.delete(name)
        default_storage.save(name, ContentFile(data))
    except OSError as error:
        raise FrameRefused(
            f"the frame cannot be written: {error.strerror}; free disk space on the console", 413
        ) from error


def _stored(run: Run, frames: Mapping[int, bytes]) -> None:
    """Say in their rows that these are there; of two requests that bring the same one the first counts its bytes."""
    pks, sizes = list(frames), [len(data) for data in frames.values()]
    types = [_media_type(data) for data in frames.values()]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MARK_STORED, [timezone.now(), pks, sizes, types])
        added = sum(size for (size,) in cursor.fetchall())
        if added:
            Run.objects.filter(pk=run.pk).update(frames_bytes=F("frames_bytes") + added)


def _media_type(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    return "image/png" if data[:8] == b"\x89PNG\r\n\x1a\n" else ""


def _require_room(run: Run, size: int) -> None:
    limit_mb = float(run.config.get("frames", {}).get("max_mb", DEFAULT_FRAMES_MB))
    if run.frames_bytes + size > limit_mb * 1_000_000:
        raise FrameRefused(f"this run may keep {limit_mb:g} MB of frames (frames.max_mb) and has them", 413)
    free = shutil.disk_usage(_existing(Path(settings.MEDIA_ROOT))).free
    if free < MIN_FREE_BYTES:
        raise FrameRefused(f"the console's disk has only {free // 1_000_000} MB left; free some space", 413)


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
