"""What the runs of a team hold, its rules, and what these would delete. Reads only; what the rules mean is `plan`'s.

Knows no person: services decide by it under a lock, and who may look is the selectors' question.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum

from webapp.accounts.models import Team
from webapp.env import envint
from webapp.episodes.models import Episode, Frame, Step, StepNote
from webapp.runs.models import ENDED_STATUSES, Checkpoint, Run, RunEvent
from webapp.runs.planning_models import RunSchedule
from webapp.runs.runfolder import run_dir
from webapp.storage.folders import amount_of, real_folder
from webapp.storage.models import RunPin, TeamRetention
from webapp.storage.plan import Amount, CheckpointFacts, Plan, Rules, RunFacts, folder_is_due, plan_of

EVENT_DAYS: Final = 30
FRAME_DAYS: Final = 90
BULKY_KINDS: Final = (
    "EpisodeStarted", "EpisodeStepTaken", "EpisodeEnded", "MetricsLogged", "HostSampled", "StepFinished", "LogWritten",
)  # fmt: skip
"""Kinds that the page needs while a run is live; the timeline's own kinds stay."""


def default_rules() -> Rules:
    """What holds for teams that set nothing: ARPO_KEEP_EVENTS_DAYS and ARPO_KEEP_FRAMES_DAYS."""
    return Rules(
        event_days=envint("ARPO_KEEP_EVENTS_DAYS", EVENT_DAYS, minimum=1),
        frame_days=envint("ARPO_KEEP_FRAMES_DAYS", FRAME_DAYS, minimum=1),
    )


def rules_of(team: Team) -> Rules:
    """The team's own rules, or the default."""
    row = TeamRetention.objects.filter(team=team).first()
    if row is None:
        return default_rules()
    return Rules(
        event_days=row.event_days,
        thin_days=row.thin_days,
        frame_days=row.frame_days,
        checkpoint_days=row.checkpoint_days,
        keep_last=row.keep_last,
        folder_days=row.folder_days,
    )


def plan_for(team: Team, rules: Rules, now: datetime) -> Plan:
    """What these rules would delete of the team's runs now; nothing is changed."""
    return plan_of([facts_of(run, rules, now) for run in due_runs(team, rules, now)], rules)


def due_runs(team: Team, rules: Rules, now: datetime) -> QuerySet[Run]:
    """Runs that ended long enough ago for some rule; never one that may still go on, and no example."""
    old = Q(pk__in=())
    if rules.first_day is not None:
        old |= Q(finished_at__lt=now - timedelta(days=rules.first_day))
    if rules.folder_days is not None:
        old |= Q(archived_at__lt=now - timedelta(days=rules.folder_days), finished_at__isnull=False)
    ended = Run.objects.filter(old, team=team, status__in=ENDED_STATUSES, is_example=False)
    return ended.defer("config").order_by("pk")


def facts_of(run: Run, rules: Rules, now: datetime) -> RunFacts:
    """What an ended run holds, as far as one of the rules looks at it."""
    assert run.finished_at is not None, "only runs that ended have an age"
    age = (now - run.finished_at) / timedelta(days=1)
    archived = (now - run.archived_at) / timedelta(days=1) if run.archived_at else None
    facts = RunFacts(
        run_id=run.pk,
        name=run.name,
        age_days=age,
        pinned=RunPin.objects.filter(run=run).exists(),
        frames=_amount(stored_frames(run)) if rules.frame_days is not None else Amount(),
        thinnable=_amount(thinnable_frames(run)) if rules.thin_days is not None else Amount(),
        events=bulky_events(run).count() if rules.event_days is not None else 0,
        checkpoints=_checkpoints(run) if rules.checkpoint_days is not None else (),
        archived_days=archived,
    )
    if not folder_is_due(facts, rules):
        return facts
    return replace(facts, folder=Amount(*amount_of(run_dir(run.pk))), folder_needed_by=_folder_needed_by(run))


def bulky_events(run: Run) -> QuerySet[RunEvent]:
    """Events that no page needs once the run has ended."""
    return RunEvent.objects.filter(run=run, kind__in=BULKY_KINDS)


def stored_frames(run: Run) -> QuerySet[Frame]:
    """Screenshots whose bytes are kept."""
    return Frame.objects.filter(run=run, stored_at__isnull=False)


def thinnable_frames(run: Run) -> QuerySet[Frame]:
    """Screenshots that are of no first, last or failing step, of none with a note, and not the desktop as scored.

    A step fails when its reply was unreadable. Of an episode that never ended all steps stay.
    """
    noted = StepNote.objects.filter(episode=OuterRef("episode"), index=OuterRef("index"))
    last = Q(index__gte=F("episode__steps_count") - 1)
    shown = Step.objects.filter(Q(index=0) | last | ~Q(problem="") | Exists(noted), episode__run=run)
    scored = Episode.objects.filter(run=run)
    return stored_frames(run).exclude(sha256__in=shown.values("frame")).exclude(sha256__in=scored.values("final_frame"))


def _amount(frames: QuerySet[Frame]) -> Amount:
    found = frames.aggregate(count=Count("pk"), size=Sum("size", default=0))
    return Amount(found["count"], found["size"])


def _folder_needed_by(run: Run) -> str:
    """A run that has not ended, or a schedule, that begins with weights of this run's folder."""
    ours = Q(from_checkpoint__run=run) | Q(config__model__path__startswith=f"{run_dir(run.pk)}/")
    live = Run.objects.exclude(status__in=ENDED_STATUSES).filter(ours).values_list("name", flat=True).first()
    if live is not None:
        return f"the run {live}"
    plan = RunSchedule.objects.filter(ours).values_list("name", flat=True).first()
    return f"the schedule {plan}" if plan is not None else ""


def _checkpoints(run: Run) -> tuple[CheckpointFacts, ...]:
    live = Run.objects.exclude(status__in=ENDED_STATUSES).filter(from_checkpoint__run=run)
    needed = {pk: f"the run {name}" for pk, name in live.values_list("from_checkpoint", "name")}
    plans = RunSchedule.objects.filter(from_checkpoint__run=run)
    needed.update({pk: f"the schedule {name}" for pk, name in plans.values_list("from_checkpoint", "name") if pk})
    folder = run_dir(run.pk)
    return tuple(
        CheckpointFacts(
            pk=row.pk,
            step=row.step,
            attempt=row.attempt,
            paths=(paths := (row.path, row.export_path) if row.export_path else (row.path,)),
            size=row.size,
            best=row.best or row.pk == run.best_checkpoint_id,
            needed_by=needed.get(row.pk, ""),
            here=all(real_folder(folder, path) is not None for path in paths),
        )
        for row in Checkpoint.objects.filter(run=run)
    )
