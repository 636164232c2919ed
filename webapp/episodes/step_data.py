"""An episode's steps as the viewer's script reads them, page by page: a long episode never travels as a whole.

Knows rows and addresses; who may see them was decided before.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.urls import reverse

from arpo_engine.contract.action_words import action_words
from webapp.episodes.models import Episode, Frame, Step, StepNote
from webapp.episodes.pictures import WHY_NOT, Picture, pictures_of
from webapp.episodes.words import action_icon
from webapp.runs.models import Run

PAGE_STEPS = 50
TRACK_COLUMNS = 240
"""Columns of the track below the screenshot; longer episodes share them."""


def steps_count(episode: Episode) -> int:
    """Steps that have arrived; the episode's own count may be ahead of them."""
    last = Step.objects.filter(episode=episode).aggregate(last=Max("index"))["last"]
    return 0 if last is None else int(last) + 1


def steps_page(run: Run, episode: Episode, start: int) -> list[dict[str, Any]]:
    """The steps from `start` on, at most a page of them."""
    rows = list(Step.objects.filter(episode=episode, index__gte=start).order_by("index")[:PAGE_STEPS])
    pictures = pictures_of(run, {step.frame for step in rows})
    return [_step(run, step, pictures) for step in rows]


def final_of(run: Run, episode: Episode) -> dict[str, Any] | None:
    """The desktop as it was scored, shown after the last step; None where there is none."""
    if not episode.final_frame:
        return None
    frame = Frame.objects.filter(run=run, sha256=episode.final_frame).first()
    state = pictures_of(run, {episode.final_frame})[episode.final_frame]
    return {
        **_picture(run, episode.final_frame, state),
        "width": frame.width if frame else 0,
        "height": frame.height if frame else 0,
    }


def notes_of(episode: Episode) -> list[dict[str, Any]]:
    """What people wrote at its steps, in order."""
    notes = StepNote.objects.filter(episode=episode).select_related("author")
    return [
        {
            "id": note.pk,
            "index": note.index,
            "by": str(note.author) if note.author else "somebody who left",
            "author": note.author_id,
            "flagged": note.flagged,
            "label": note.label,
            "text": note.text,
            "at": note.created_at.isoformat(),
        }
        for note in notes
    ]


def track_of(episode: Episode) -> list[dict[str, Any]]:
    """For each place on the scrubber's track how long was waited there: seconds of sampling and of the desktop."""
    told = list(
        Step.objects.filter(episode=episode).order_by("index").values_list("index", "generate_s", "act_s", "action")
    )
    width = max(1, -(-len(told) // TRACK_COLUMNS))
    columns = []
    for start in range(0, len(told), width):
        part = told[start : start + width]
        columns.append(
            {
                "first": part[0][0],
                "generate_s": round(sum(row[1] for row in part), 3),
                "act_s": round(sum(row[2] for row in part), 3),
                "unreadable": any(row[3] is None for row in part),
            }
        )
    return columns


def _step(run: Run, step: Step, pictures: dict[str, Picture]) -> dict[str, Any]:
    return {
        "index": step.index,
        **_picture(run, step.frame, pictures[step.frame]),
        "width": step.frame_width,
        "height": step.frame_height,
        "thought": step.thought,
        "action": step.action,
        "words": action_words(step.action),
        "icon": action_icon(step.action),
        "raw": step.raw_text,
        "problem": step.problem,
        "tokens": step.tokens,
        "logprob": step.mean_logprob,
        "version": step.weight_version,
        "generate_s": step.generate_s,
        "act_s": step.act_s,
        "by": step.by,
    }


def _picture(run: Run, sha256: str, state: Picture) -> dict[str, Any]:
    shown = state in (Picture.HERE, Picture.COMING)
    return {
        "frame": reverse("frame", args=[run.pk, sha256]) if shown else None,
        "thumb": reverse("episodes:thumb", args=[run.pk, sha256]) if shown else None,
        "missing": "" if shown else WHY_NOT[state],
    }
