"""Which screenshots can be shown, and why others cannot. Knows rows and settings; opens no file."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from webapp.episodes.models import Frame
from webapp.episodes.services.frames import ASK_TIMES
from webapp.runs.models import Run


class Picture(StrEnum):
    """What became of a step's screenshot."""

    HERE = "here"
    COMING = "coming"
    """Its event is here and its bytes are on their way."""
    NEVER = "never"
    """It was not kept when the step was taken (`frames.sample_every`, `frames.max_mb`), or never arrived."""
    GONE = "gone"
    """It was kept once, and retention has thinned the episode since."""


WHY_NOT = {
    Picture.COMING: "The screenshot is on its way.",
    Picture.NEVER: "No screenshot was kept of this step.",
    Picture.GONE: "Not kept any more: retention thinned this old episode. Its first, last and failing steps stay.",
}


def pictures_of(run: Run, hashes: Iterable[str]) -> dict[str, Picture]:
    """Every hash to what became of it; the empty hash of a step without a screenshot too."""
    wanted = set(hashes)
    rows = Frame.objects.filter(run=run, sha256__in=wanted - {""}).values_list("sha256", "stored_at", "asked_times")
    found = {
        sha256: Picture.HERE
        if stored_at is not None
        else Picture.COMING
        if asked_times < ASK_TIMES and not run.has_ended
        else Picture.NEVER
        for sha256, stored_at, asked_times in rows
    }
    return {one: found.get(one, Picture.GONE if one else Picture.NEVER) for one in wanted}
