"""What people write at a step: a flag, a label, a comment. Runners write; authors and maintainers take away."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from webapp.accounts.models import Role, User
from webapp.accounts.permissions import PermissionRefused, require_role
from webapp.accounts.services import record
from webapp.bulk import clean_text
from webapp.counted import counted
from webapp.episodes.models import Episode, StepNote
from webapp.runs.models import Run

MOST_LETTERS: Final = 2000
LABEL_LETTERS: Final = 40
MOST_NOTES: Final = 500
"""Of one episode."""


class NoteRefused(Exception):
    """A note is not taken; the text says why and what would be."""


@transaction.atomic
def add_note(
    *,
    run: Run,
    episode: Episode,
    author: User,
    index: int | None,
    flagged: bool,
    label: str,
    text: str,
    ip: str | None = None,
) -> StepNote:
    """Write something at a step (from 0; one past the last is the end).

    Raises:
        PermissionRefused: the author is no runner of the run's team, or the run is an example.
        NoteRefused: there is nothing to write, too much of it, or no such step.
    """
    _require(run, author, "write notes")
    label, text = clean_text(label).strip(), clean_text(text).strip()
    if index is None or index > episode.steps_count:
        raise NoteRefused(f"The episode has {counted(episode.steps_count, 'step')}; choose one of them.")
    if not (flagged or label or text):
        raise NoteRefused("The note is empty; set the flag, name a label or write a comment.")
    if len(label) > LABEL_LETTERS or len(text) > MOST_LETTERS:
        raise NoteRefused(
            f"The label has {len(label)} letters and the comment {len(text)}; "
            f"at most {LABEL_LETTERS} and {MOST_LETTERS} fit."
        )
    if StepNote.objects.filter(episode=episode).count() >= MOST_NOTES:
        raise NoteRefused(f"The episode has {MOST_NOTES} notes, which is the most; take some away first.")
    note = StepNote.objects.create(episode=episode, index=index, author=author, flagged=flagged, label=label, text=text)
    record(
        action="episode.note", subject=note, actor=author, team=run.team, ip=ip,
        run=run.pk, episode=episode.key, step=index + 1,
    )  # fmt: skip
    return note


@transaction.atomic
def remove_note(*, run: Run, note: StepNote, actor: User, ip: str | None = None) -> None:
    """Take a note away: one's own, or anybody's for a maintainer.

    Raises:
        PermissionRefused: it is somebody else's and the actor is no maintainer.
    """
    if note.author_id != actor.pk:
        require_role(actor, run.team, Role.MAINTAINER, "take somebody else's note away")
    else:
        _require(run, actor, "take notes away")
    record(
        action="episode.unnote", subject=note, actor=actor, team=run.team, ip=ip,
        run=run.pk, episode=note.episode.key, step=note.index + 1,
    )  # fmt: skip
    note.delete()


def _require(run: Run, person: User, doing: str) -> None:
    if run.is_example:
        raise PermissionRefused(f"{run.name} is a recorded example that all teams see, so nobody can {doing} in it.")
    require_role(person, run.team, Role.RUNNER, doing)
