"""An episode as a zip, made while it is sent: at most one screenshot is in memory at a time."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from asgiref.sync import sync_to_async

from webapp.episodes.models import Episode, Step, StepNote
from webapp.episodes.services.frames import open_frame
from webapp.runs.models import Run

ENDINGS: Final = {"image/webp": "webp", "image/png": "png", "image/jpeg": "jpg"}
EPISODE_FIELDS: Final = (
    "key", "attempt", "group_key", "task_id", "instruction", "evaluator", "infeasible", "split", "step", "desktop",
    "retry_of", "started_at", "ended_at", "ended_by", "fault", "note", "score", "format_reward", "reward",
    "steps_count", "tokens", "duration_s",
)  # fmt: skip
STEP_FIELDS: Final = (
    "index", "frame", "thought", "action", "raw_text", "problem", "tokens", "mean_logprob", "weight_version",
    "generate_s", "act_s", "by", "at",
)  # fmt: skip


class _Outlet(io.RawIOBase):
    """A file that is only written to; what was written is taken away in between."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """It is there to be written to."""
        return True

    def write(self, data: Any) -> int:
        """Keep it until it is taken."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        data, self._parts = b"".join(self._parts), []
        return data


async def archive_chunks(run: Run, episode: Episode) -> AsyncIterator[bytes]:
    """The bytes of the zip, a screenshot at a time; the database is asked outside of the event loop."""
    parts = written(run, episode)
    step = sync_to_async(lambda: next(parts, None))
    while (chunk := await step()) is not None:
        if chunk:
            yield chunk


def written(run: Run, episode: Episode) -> Iterator[bytes]:
    """The same, for who has no event loop."""
    outlet = _Outlet()
    steps = list(Step.objects.filter(episode=episode).order_by("index").values(*STEP_FIELDS))
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as archive:
        stored: dict[str, str] = {}
        shown = [(f"step_{step['index'] + 1:04d}", step["frame"]) for step in steps] + [("end", episode.final_frame)]
        for name, sha256 in shown:
            if sha256 and sha256 not in stored and (found := open_frame(run, sha256)) is not None:
                stored[sha256] = f"frames/{name}.{ENDINGS.get(found[1], 'bin')}"
                # Pictures are packed already.
                archive.writestr(stored[sha256], found[0], zipfile.ZIP_STORED)
                yield outlet.take()
        archive.writestr("episode.json", _as_json(run, episode, steps, stored))
    yield outlet.take()


def _as_json(run: Run, episode: Episode, steps: list[dict[str, Any]], stored: dict[str, str]) -> str:
    notes = StepNote.objects.filter(episode=episode).select_related("author")
    told = {
        "run": run.pk,
        "run_name": run.name,
        **{name: getattr(episode, name) for name in EPISODE_FIELDS},
        "final_frame": stored.get(episode.final_frame),
        "steps": [{**step, "frame": stored.get(step["frame"])} for step in steps],
        "notes": [
            {
                "index": note.index,
                "by": str(note.author) if note.author else None,
                "flagged": note.flagged,
                "label": note.label,
                "text": note.text,
                "at": note.created_at,
            }
            for note in notes
        ],
    }
    return json.dumps(told, default=lambda moment: moment.isoformat(), ensure_ascii=False, indent=1)
