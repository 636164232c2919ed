"""The engine's door: batches of events, idempotent on (run, attempt, seq), all of a batch in one transaction.

The answer says how far this attempt is stored, which screenshots are missing, and what the run should do next.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import DataError, IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from arpo_engine.contract.events import (
    WIRE_VERSION,
    DesktopsSeen,
    Envelope,
    HostSampled,
    IngestAnswer,
    MetricsLogged,
    ValidationFinished,
)
from arpo_engine.contract.outcomes import Directive
from webapp.analysis import services as analysis
from webapp.api.attempt_auth import AttemptRefused, ContractDiffers, attempt_of_request, require_same_contract
from webapp.api.ndjson import BodyTooLarge, BodyUnreadable, parse_envelopes, read_body
from webapp.api.replies import refusal, typed
from webapp.episodes import services as episodes
from webapp.fleet import services as fleet
from webapp.metrics.services import PointRow, record_points
from webapp.metrics.system import desktop_points, host_points
from webapp.runs.models import Run, RunAttempt
from webapp.runs.services.attempts import extend_lease
from webapp.runs.services.intake import apply_events, heard_from, record_events
from webapp.tryouts import services as tryouts

MAX_KEY_LENGTH: Final = 120

log = logging.getLogger(__name__)


def post_events(request: HttpRequest, run_id: str) -> HttpResponse:
    """Take a batch of envelopes; an empty one is a heartbeat. `?frames=all` asks for frames asked for just now too."""
    try:
        attempt = attempt_of_request(request, run_id)
        require_same_contract(request)
        envelopes = parse_envelopes(read_body(request))
        answer, gap = ingest(attempt, envelopes, all_frames=request.GET.get("frames") == "all")
    except AttemptRefused as error:
        return refusal(error.status, str(error))
    except ContractDiffers as error:
        return refusal(426, str(error))
    except BodyTooLarge as error:
        return refusal(413, str(error))
    except BodyUnreadable as error:
        return refusal(422, str(error), line=error.line)
    except (DataError, IntegrityError) as error:
        # The database refuses one of the values, and cannot say of which line: the engine finds it by halving.
        log.warning("a batch was refused by the database", extra={"run": run_id, "error": str(error)})
        return refusal(422, f"a value does not fit: {str(error).splitlines()[0]}")
    return typed(answer, status=409 if gap else 200)


def ingest(
    token_attempt: RunAttempt, envelopes: Sequence[Envelope], *, all_frames: bool = False
) -> tuple[IngestAnswer, bool]:
    """Store what is new of the envelopes; True beside the answer when some were refused because earlier ones lack.

    `all_frames` names the frames in the answer that an earlier answer named, which the engine may not have heard.

    Raises:
        BodyUnreadable: an envelope belongs to an attempt that this token may not speak for.
    """
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).get(pk=token_attempt.run_id)
        attempts = _attempts(run, token_attempt, envelopes)
        own = attempts[token_attempt.number]
        heard_from(run, own)
        extend_lease(own)
        gap = False
        for attempt in attempts.values():
            lines = [line for line in envelopes if line.attempt == attempt.number]
            fresh = _fresh(attempt, lines)
            gap = gap or _last_seq(lines) > attempt.last_seq + len(fresh)
            _store(run, attempt, fresh)
        shipped = attempts[envelopes[-1].attempt] if envelopes else own
        missing = episodes.missing_frames(run, again=all_frames)
        answer = IngestAnswer(
            contract=WIRE_VERSION,
            directive=_directive(run, own),
            last_seq=shipped.last_seq,
            missing_frames=missing,
            orders=fleet.orders_for(run, own.number),
            directions=tryouts.directions_for(run, own.number),
        )
    return answer, gap


def _attempts(run: Run, own: RunAttempt, envelopes: Sequence[Envelope]) -> dict[int, RunAttempt]:
    """The attempts that the batch is about, earliest first, their rows as they are under the run's lock."""
    numbers = {line.attempt for line in envelopes} | {own.number}
    rows = {attempt.number: attempt for attempt in run.attempts.filter(number__in=numbers).order_by("number")}
    for place, line in enumerate(envelopes, start=1):
        if line.attempt > own.number or line.attempt not in rows:
            raise BodyUnreadable(
                f"line {place}: this token is of attempt {own.number}; it may ship that one and earlier ones, "
                f"not attempt {line.attempt}",
                place,
            )
    return rows


def _fresh(attempt: RunAttempt, lines: Sequence[Envelope]) -> list[Envelope]:
    """The lines that follow what is stored without a hole; repeated ones and those after a hole are left out."""
    fresh: list[Envelope] = []
    due = attempt.last_seq + 1
    for line in lines:
        if line.seq == due:
            fresh.append(line)
            due += 1
    return fresh


def _last_seq(lines: Sequence[Envelope]) -> int:
    return max((line.seq for line in lines), default=0)


def _store(run: Run, attempt: RunAttempt, fresh: Sequence[Envelope]) -> None:
    if not fresh:
        return
    attempt.last_seq = fresh[-1].seq
    attempt.save(update_fields=["last_seq"])
    episodes.record_events(run, attempt.number, fresh)
    fleet.record_events(run, attempt.number, fresh)
    record_points(run.pk, [*_points(fresh), *_system_points(run, attempt, fresh)])
    record_events(run, fresh)
    analysis.record_events(run, attempt.number, fresh)
    tryouts.record_events(run, attempt.number, fresh)
    apply_events(run, attempt, fresh)


def _points(envelopes: Sequence[Envelope]) -> list[PointRow]:
    """Logged numbers, and the success of each validation as a curve of its own."""
    points: list[PointRow] = []
    for line in envelopes:
        event = line.event
        if isinstance(event, MetricsLogged):
            values = event.values
            if event.not_finite:
                values = {**values, **{key: float(word) for key, word in event.not_finite.items()}}
            points += [
                (key[:MAX_KEY_LENGTH], line.attempt, event.step, line.at, value) for key, value in values.items()
            ]
        elif isinstance(event, ValidationFinished) and event.attempts:
            share = event.successes / event.attempts
            points.append((f"validation/{event.split.value}/success", line.attempt, event.step, line.at, share))
    return points


def _system_points(run: Run, attempt: RunAttempt, envelopes: Sequence[Envelope]) -> list[PointRow]:
    """What the machines used, and what the desktops are at after this batch."""
    points: list[PointRow] = []
    seen: datetime | None = None
    for line in envelopes:
        if isinstance(line.event, HostSampled):
            points += host_points(run, attempt.number, line.at, line.event)
        elif isinstance(line.event, DesktopsSeen):
            seen = line.at
    if seen is not None:
        points += desktop_points(run, attempt.number, seen, fleet.desktop_counts(run, attempt.number))
    return points


def _directive(run: Run, attempt: RunAttempt) -> Directive:
    """What the engine should do next; a process that a newer attempt has replaced should end."""
    if run.attempts.filter(number__gt=attempt.number).exists():
        return Directive.STOP_GRACEFULLY
    return Directive(run.directive)
