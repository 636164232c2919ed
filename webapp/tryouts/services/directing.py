"""What people direct in a try-out: one at a time, checked by the contract, on its way with the engine's next answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from pydantic import TypeAdapter, ValidationError

from arpo_engine.contract.tryouts import Direction as Wire
from webapp.accounts.models import Role, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.runs.journal import append_console_event
from webapp.runs.models import Run
from webapp.runs.services.control import locked
from webapp.tryouts.models import Direction, Tryout
from webapp.tryouts.words import direction_words

MOST_WAITING: Final = 40
"""Directions on their way at once; an engine takes them several times a second."""
MOST_A_SECOND: Final = 15
AUDITED: Final = {"restart": "tryout.restarted", "finish": "tryout.finished"}
"""Kinds that begin or end something; clicks and keys are history of the episode itself."""
WIRE: Final[TypeAdapter[Wire]] = TypeAdapter(Wire)


class TryoutRefused(Exception):
    """It cannot be directed like this; the text says why and what can be done."""

    def __init__(self, message: str, status: int = 409) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status that fits."""


@transaction.atomic
def direct(*, run: Run, actor: User, words: Mapping[str, Any], ip: str | None = None) -> Direction:
    """Send a direction. `words` are the fields of one of the contract's kinds, without number and name.

    Raises:
        PermissionRefused: the person is no runner of the team.
        TryoutRefused: somebody else has the control, nothing is there to be directed, the direction is none (422), or
            there are too many of them (429).
    """
    run = locked(run)
    require_role(actor, run.team, Role.RUNNER, "direct a try-out")
    tryout = _of(run)
    _require_control(tryout, actor)
    _require_life(run, tryout)
    _require_pace(tryout)
    number = tryout.last_number + 1
    wire = checked({**words, "number": number, "by": actor.username}, tryout)
    row = Direction.objects.create(
        tryout=tryout,
        attempt=tryout.attempt,
        number=number,
        kind=wire.kind,
        data=wire.model_dump(mode="json"),
        by=actor,
    )
    Tryout.objects.filter(pk=tryout.pk).update(last_number=number)
    told = {"number": number, "words": direction_words(row.data), "by": actor.username}
    append_console_event(run, "TryoutDirected", told)
    if wire.kind in AUDITED:
        record(action=AUDITED[wire.kind], subject=run, actor=actor, team=run.team, ip=ip, number=number)
    return row


@transaction.atomic
def take_over(*, run: Run, actor: User, ip: str | None = None) -> str:
    """Give the control to this person; whoever had it looks on from now. Returns what happened."""
    run = locked(run)
    require_role(actor, run.team, Role.RUNNER, "take over the control of a try-out")
    tryout = _of(run)
    if run.has_ended:
        raise TryoutRefused(f"The try-out is {run.status}; there is nothing to control.")
    if tryout.controller_id == actor.pk:
        return "You have the control already."
    before = str(tryout.controller) if tryout.controller else ""
    Tryout.objects.filter(pk=tryout.pk).update(controller=actor, controlled_at=timezone.now())
    append_console_event(run, "TryoutControl", {"by": actor.username, "before": before})
    record(action="tryout.taken_over", subject=run, actor=actor, team=run.team, ip=ip, before=before)
    return f"You have the control now; {before} looks on." if before else "You have the control now."


def checked(words: Mapping[str, Any], tryout: Tryout) -> Wire:
    """The direction as the contract has it.

    Raises:
        TryoutRefused: the contract has no such direction, or it is of a place beside the screen.
    """
    try:
        wire = WIRE.validate_python(words)
    except ValidationError as error:
        raise TryoutRefused(_in_words(error), 422) from error
    if wire.kind == "act":
        _require_on_screen(wire.action.model_dump(mode="json"), tryout)
    return wire


def _of(run: Run) -> Tryout:
    tryout = Tryout.objects.select_related("controller").filter(run=run).first()
    if tryout is None:
        raise TryoutRefused(f"{run.name} is no try-out; only those can be directed.", 404)
    return tryout


def _require_control(tryout: Tryout, actor: User) -> None:
    if tryout.controller_id != actor.pk:
        who = tryout.controller.username if tryout.controller else "nobody"
        raise TryoutRefused(f"{who} has the control, so nothing was done; take it over first.")


def _require_life(run: Run, tryout: Tryout) -> None:
    if run.has_ended:
        raise TryoutRefused("The try-out is over; start another one.")
    if not tryout.state:
        raise TryoutRefused("The desktop is not there yet; it can be directed as soon as its screen is seen.")


def _require_pace(tryout: Tryout) -> None:
    mine = Direction.objects.filter(tryout=tryout)
    waiting = mine.filter(attempt=tryout.attempt, taken_at=None).count()
    if waiting >= MOST_WAITING:
        raise TryoutRefused(
            f"{waiting} directions are on their way and the engine has not taken them; wait a moment.", 429
        )
    lately = mine.filter(at__gt=timezone.now() - timedelta(seconds=1)).count()
    if lately >= MOST_A_SECOND:
        raise TryoutRefused(f"{lately} directions came within a second; at most {MOST_A_SECOND} are taken.", 429)


def _require_on_screen(action: Mapping[str, Any], tryout: Tryout) -> None:
    for name, size in (
        ("x", tryout.screen_width),
        ("to_x", tryout.screen_width),
        ("y", tryout.screen_height),
        ("to_y", tryout.screen_height),
    ):
        value = action.get(name)
        if size and value is not None and not 0 <= value < size:
            raise TryoutRefused(
                f"{name} is {str(value)[:12]}, and the screen has {size} pixels that way; give 0 to {size - 1}.", 422
            )


def _in_words(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if not str(part).istitle())[:80]
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}."[:400] if where else f"{said}."[:400]
