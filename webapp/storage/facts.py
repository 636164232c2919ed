"""What the runs of a team hold, its rules, and what these would delete. Reads only; what the rules mean is `plan`'s.

Knows no person: services decide by it under a lock, and who may look is the selectors' question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "TryoutChanged", "TryoutDirected",
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
    return plan_of(facts_of_all(list(due_runs(team, rules, now)), rules, now), rules)


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
    """What an ended run holds, as far as one of the rules is due for it."""
    return facts_of_all([run], rules, now)[0]


def facts_of_all(runs: Sequence[Run], rules: Rules, now: datetime) -> list[RunFacts]:
    """The same of many runs, in their order: as many queries as of one, since a team may have thousands."""
    ages = {run.pk: _age_days(run, now) for run in runs}
    dropped = _of_age(ages, rules.frame_days)
    thinned = [pk for pk in _of_age(ages, rules.thin_days) if pk not in set(dropped)]
    frames, thinnable = _amounts(stored_frames(dropped)), _amounts(thinnable_frames(thinned))
    counted = bulky_events(_of_age(ages, rules.event_days)).order_by().values_list("run_id").annotate(Count("pk"))
    events, saved = dict(counted), _checkpoints(_of_age(ages, rules.checkpoint_days))
    pinned = set(RunPin.objects.filter(run__in=ages).values_list("run_id", flat=True))
    found = [
        RunFacts(
            run_id=run.pk,
            name=run.name,
            age_days=ages[run.pk],
            pinned=run.pk in pinned,
            frames=frames.get(run.pk, Amount()),
            thinnable=thinnable.get(run.pk, Amount()),
            events=events.get(run.pk, 0),
            checkpoints=tuple(saved.get(run.pk, ())),
            archived_days=(now - run.archived_at) / timedelta(days=1) if run.archived_at else None,
        )
        for run in runs
    ]
    return [_with_folder(run, one) if folder_is_due(one, rules) else one for run, one in zip(runs, found, strict=True)]


def _with_folder(run: Run, facts: RunFacts) -> RunFacts:
    return replace(facts, folder=Amount(*amount_of(run_dir(run.pk))), folder_needed_by=_folder_needed_by(run))


def bulky_events(ids: Sequence[str]) -> QuerySet[RunEvent]:
    """Events of these runs that no page needs once a run has ended."""
    return RunEvent.objects.filter(run__in=ids, kind__in=BULKY_KINDS)


def stored_frames(ids: Sequence[str]) -> QuerySet[Frame]:
    """Screenshots of these runs whose bytes are kept."""
    return Frame.objects.filter(run__in=ids, stored_at__isnull=False)


def thinnable_frames(ids: Sequence[str]) -> QuerySet[Frame]:
    """Screenshots that are of no first, last or failing step, of none with a note, and not the desktop as scored.

    A step fails when its reply was unreadable. Of an episode that never ended all steps stay.
    """
    last = Q(index__gte=F("episode__steps_count") - 1)
    here = {"frame": OuterRef("sha256"), "episode__run": OuterRef("run")}
    shown = Step.objects.filter(Q(index=0) | last | ~Q(problem="") | Exists(_notes()), episode__run__in=ids, **here)
    scored = Episode.objects.filter(run__in=ids, run=OuterRef("run"), final_frame=OuterRef("sha256"))
    # Not `exclude(sha256__in=...)`: without room to hash it in, Postgres looks through such a list for every frame.
    return stored_frames(ids).filter(~Exists(shown), ~Exists(scored))


def noted_steps(run: Run) -> QuerySet[Step]:
    """Steps of the run that somebody wrote a note at, by their screenshots."""
    return Step.objects.filter(Exists(_notes()), episode__run=run)


def _notes() -> QuerySet[StepNote]:
    return StepNote.objects.filter(episode=OuterRef("episode"), index=OuterRef("index"))


def _age_days(run: Run, now: datetime) -> float:
    assert run.finished_at is not None, "only runs that ended have an age"
    return (now - run.finished_at) / timedelta(days=1)


def is_of_age(run: Run, days: int, now: datetime) -> bool:
    """Whether a run ended so many days ago."""
    return _age_days(run, now) >= days


def _of_age(ages: Mapping[str, float], days: int | None) -> list[str]:
    """The runs for which a rule is due."""
    return [] if days is None else [pk for pk, age in ages.items() if age >= days]


def _amounts(frames: QuerySet[Frame]) -> dict[str, Amount]:
    """How many of each run, and their bytes."""
    found = frames.order_by().values_list("run_id").annotate(Count("pk"), Sum("size", default=0))
    return {pk: Amount(count, size) for pk, count, size in found}


def _folder_needed_by(run: Run) -> str:
    """A run that has not ended, or a schedule, that begins with weights of this run's folder."""
    ours = Q(from_checkpoint__run=run) | Q(config__model__path__startswith=f"{run_dir(run.pk)}/")
    live = Run.objects.exclude(status__in=ENDED_STATUSES).filter(ours).values_list("name", flat=True).first()
    if live is not None:
        return f"the run {live}"
    plan = RunSchedule.objects.filter(ours).values_list("name", flat=True).first()
    return f"the schedule {plan}" if plan is not None else ""


def _checkpoints(ids: Sequence[str]) -> dict[str, list[CheckpointFacts]]:
    live = Run.objects.exclude(status__in=ENDED_STATUSES).filter(from_checkpoint__run__in=ids)
    needed = {pk: f"the run {name}" for pk, name in live.values_list("from_checkpoint", "name")}
    plans = RunSchedule.objects.filter(from_checkpoint__run__in=ids)
    needed.update({pk: f"the schedule {name}" for pk, name in plans.values_list("from_checkpoint", "name") if pk})
    found: dict[str, list[CheckpointFacts]] = {}
    for row in Checkpoint.objects.filter(run__in=ids).annotate(best_of=F("run__best_checkpoint")):
        paths = (row.path, row.export_path) if row.export_path else (row.path,)
        found.setdefault(row.run_id, []).append(
            CheckpointFacts(
                pk=row.pk,
                step=row.step,
                attempt=row.attempt,
                paths=paths,
                size=row.size,
                best=row.best or row.pk == row.best_of,
                needed_by=needed.get(row.pk, ""),
                here=all(real_folder(run_dir(row.run_id), path) is not None for path in paths),
            )
        )
    return found
