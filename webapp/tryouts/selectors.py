"""Reading try-outs, as far as a person may see them: how one stands, as its page shows it, and the team's list."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from arpo_engine.contract.action_words import action_words
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import Person, can_run, has_role
from webapp.episodes.models import Episode, Step
from webapp.episodes.words import action_icon, outcome_of
from webapp.runs.access import run_visible_to, runs_visible_to
from webapp.runs.models import Run, RunAttempt, RunKind
from webapp.tryouts.models import STAYS_FOR, Direction, Tryout
from webapp.tryouts.words import direction_words, state_words

STALE_AFTER_S: Final = 5.0
"""An engine of a try-out speaks several times a second; one that is silent for so long may be gone."""
STEPS_SHOWN: Final = 60
DIRECTIONS_SHOWN: Final = 6
LISTED: Final = 30


def tryout_visible_to(person: Person, run_id: str) -> Tryout | None:
    """The try-out of a run; None where the run is none, is not there, or is another team's."""
    run = run_visible_to(person, run_id)
    if run is None or run.kind != RunKind.TRY:
        return None
    found = Tryout.objects.select_related("controller", "kept_by").filter(run=run).first()
    if found is None:  # started with the form of any run, and not heard of yet
        return Tryout(run=run, controller=run.owner)
    found.run = run
    return found


def tryouts_visible_to(person: Person, team: Team) -> QuerySet[Tryout]:
    """The team's latest try-outs: those under way, those that end soon, and those that were kept."""
    runs = runs_visible_to(person).filter(team=team, kind=RunKind.TRY, is_example=False)
    rows = Tryout.objects.filter(run__in=runs).select_related("run", "run__owner", "controller", "kept_by")
    return rows.order_by("-run__created_at")[:LISTED]


def standing_of(person: User, tryout: Tryout) -> dict[str, Any]:
    """Everything that the page shows besides its frame. The caller has seen to it that the person may look."""
    run = tryout.run
    now = timezone.now()
    attempt = run.attempts.order_by("-number").first()
    episode = _episode(run, tryout)
    icon, word, sentence = state_words(tryout.state)
    mine = tryout.controller_id == person.pk
    runner = can_run(person, run.team) and not run.is_example
    alive = not run.has_ended
    there = alive and bool(tryout.state)
    least = Role.RUNNER if run.owner_id == person.pk else Role.MAINTAINER
    return {
        "status": run.status,
        "reason": run.phase_detail if alive and run.phase_detail and not tryout.state else run.status_reason,
        "ended": run.has_ended,
        "state": "ended" if run.has_ended else tryout.state,
        "icon": icon,
        "word": word,
        "sentence": tryout.said or sentence,
        "silent_s": _silent_s(attempt, now) if there else None,
        "idle_s": (tryout.idle_at - now).total_seconds() if there and tryout.idle_at else None,
        "instruction": tryout.instruction,
        "judged": tryout.judged,
        "task": tryout.task_id,
        "screen": [tryout.screen_width, tryout.screen_height],
        "frame": reverse("frame", args=[run.pk, tryout.frame]) if tryout.frame else None,
        "episode": _episode_words(run, episode),
        "steps": _steps(run, episode),
        "directions": _directions(run, tryout),
        "controller": tryout.controller.username if tryout.controller else "",
        "mine": mine,
        "may": {
            "direct": there and mine and runner,
            "take_over": alive and runner and not mine,
            "keep": runner,
            "stop": alive and not run.is_example and has_role(person, run.team, least),
        },
        "kept": {
            "at": tryout.kept_at.isoformat() if tryout.kept_at else None,
            "by": tryout.kept_by.username if tryout.kept_by else "",
            "note": tryout.note,
            "goes_at": _goes_at(tryout),
        },
    }


def _silent_s(attempt: RunAttempt | None, now: datetime) -> float | None:
    if attempt is None or attempt.last_event_at is None:
        return None
    silent = (now - attempt.last_event_at).total_seconds()
    return round(silent, 1) if silent > STALE_AFTER_S else 0.0


def _episode(run: Run, tryout: Tryout) -> Episode | None:
    rows = Episode.objects.filter(run=run).order_by("-id")
    named = rows.filter(key=tryout.episode_key).first() if tryout.episode_key else None
    return named or rows.first()


def _episode_words(run: Run, episode: Episode | None) -> dict[str, Any] | None:
    if episode is None:
        return None
    outcome = outcome_of(episode)
    return {
        "key": episode.key,
        "url": reverse("episodes:viewer", args=[run.pk, episode.key]),
        "ended": bool(episode.ended_by),
        "outcome": {"word": outcome.word, "icon": outcome.icon, "tone": outcome.tone},
        "note": episode.note,
    }


def _steps(run: Run, episode: Episode | None) -> list[dict[str, Any]]:
    if episode is None:
        return []
    rows = list(Step.objects.filter(episode=episode).order_by("-index")[:STEPS_SHOWN])
    viewer = reverse("episodes:viewer", args=[run.pk, episode.key])
    return [
        {
            "index": row.index,
            "words": action_words(row.action),
            "icon": action_icon(row.action),
            "action": row.action,
            "thought": row.thought,
            "problem": row.problem,
            "by": row.by,
            "url": f"{viewer}#step={row.index + 1}",
        }
        for row in reversed(rows)
    ]


def _directions(run: Run, tryout: Tryout) -> list[dict[str, Any]]:
    if tryout.pk is None:
        return []
    rows = Direction.objects.filter(tryout=tryout.pk).select_related("by").order_by("-number")[:DIRECTIONS_SHOWN]
    return [
        {
            "number": row.number,
            "words": direction_words(row.data),
            "by": row.by.username if row.by else "somebody who left",
            **_what_became(row, run, tryout),
        }
        for row in rows
    ]


def _what_became(row: Direction, run: Run, tryout: Tryout) -> dict[str, str]:
    if row.refused:
        return {"became": "refused", "why": row.refused}
    if row.taken_at is not None:
        return {"became": "done", "why": ""}
    if run.has_ended or row.attempt != tryout.attempt:
        return {"became": "lost", "why": "the try-out was over before the engine took it"}
    return {"became": "sent", "why": ""}


def _goes_at(tryout: Tryout) -> str | None:
    """When it is removed, if nobody keeps it; None for one that was kept or has not ended."""
    ended = tryout.run.finished_at
    return (ended + STAYS_FOR).isoformat() if ended and tryout.kept_at is None else None
