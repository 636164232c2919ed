"""A run, its attempts, its numbered events and its checkpoints. Rows only: every change goes through services."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from arpo_engine.contract.outcomes import Directive, RunOutcome
from webapp.accounts.models import Team, User
from webapp.runs.history.models import ConfigKey, DefaultView, RunSetting, RunStar, SavedView
from webapp.runs.planning_models import RunSchedule, Sweep, TeamPreset

__all__ = [
    "Checkpoint",
    "ConfigKey",
    "DefaultView",
    "Run",
    "RunAttempt",
    "RunEvent",
    "RunSchedule",
    "RunSetting",
    "RunStar",
    "SavedView",
    "Sweep",
    "TeamPreset",
]

RUN_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""No i, l, o, u: an id can be read aloud and typed from a screenshot."""
RUN_ID_LENGTH = 12

DEFAULT_ATTEMPTS = 3
"""Times that a run is started, counting the first, before the console gives up on it."""

CONSOLE_ATTEMPT = 0
"""Attempt number of the events that the console itself adds to a run's timeline."""


def new_run_id() -> str:
    """Sixty random bits as twelve letters; short enough for an address, too many to guess."""
    return "".join(secrets.choice(RUN_ID_ALPHABET) for _ in range(RUN_ID_LENGTH))


class RunKind(models.TextChoices):
    """What a run does."""

    TRAIN = "train", "Train"
    EVALUATE = "evaluate", "Evaluate"
    TRY = "try", "Try out"


class RunStatus(models.TextChoices):
    """Where a run is in its life; `webapp.runs.services` holds which change may follow which."""

    QUEUED = "queued", "Queued"
    PREPARING = "preparing", "Preparing"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    PAUSED = "paused", "Paused"
    FINISHED = "finished", "Finished"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"
    LOST = "lost", "Lost"


ACTIVE_STATUSES = (RunStatus.PREPARING, RunStatus.RUNNING, RunStatus.STOPPING)
"""A process of this run exists, or is being started."""
ENDED_STATUSES = (RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FAILED)


def _choices(words: type[Directive | RunOutcome]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


class Run(models.Model):
    """One training or evaluation, with what its line in the list shows kept beside it."""

    id = models.CharField(primary_key=True, max_length=RUN_ID_LENGTH, default=new_run_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="runs")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=RunKind.choices, default=RunKind.TRAIN)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    is_example = models.BooleanField(default=False)
    """A recorded run that ships with the product: every signed-in person may look at it, nobody may change it."""
    archived_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    """What people want to remember of it, as plain text."""

    preset = models.CharField(max_length=80, blank=True)
    config = models.JSONField()
    config_hash = models.CharField(max_length=16)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    """The run that this one was cloned from, or whose checkpoint it evaluates."""
    from_checkpoint: models.ForeignKey[Checkpoint | None, Checkpoint | None] = models.ForeignKey(
        "Checkpoint", null=True, blank=True, on_delete=models.SET_NULL, related_name="started"
    )
    """The checkpoint whose weights it measures, or starts to train from."""
    sweep = models.ForeignKey(Sweep, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")
    schedule = models.ForeignKey(RunSchedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")
    team_preset = models.ForeignKey(TeamPreset, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")

    status = models.CharField(max_length=10, choices=RunStatus.choices, default=RunStatus.QUEUED)
    status_reason = models.TextField(blank=True)
    status_at = models.DateTimeField(default=timezone.now)
    directive = models.CharField(max_length=16, choices=_choices(Directive), default=Directive.RUN.value)
    """What the engine is told in the answer to its next batch of events."""
    force_stop_at = models.DateTimeField(null=True, blank=True)
    """Set when a person asked to end the processes without waiting."""
    priority = models.IntegerField(default=0)
    """Higher starts first; equal ones start in the order of `place_at`."""
    place_at = models.DateTimeField(default=timezone.now)
    """Its place among queued runs of its priority: when it was queued, or the moment whose place it was given."""
    tries = models.PositiveSmallIntegerField(default=DEFAULT_ATTEMPTS, validators=[MinValueValidator(1)])
    """Attempts that one decision of a person grants: to start it, or to resume it."""
    max_attempts = models.PositiveSmallIntegerField(default=DEFAULT_ATTEMPTS, validators=[MinValueValidator(1)])
    """Attempts, counted from the first one, after which the console gives up on it."""

    phase = models.CharField(max_length=12, blank=True)
    phase_detail = models.TextField(blank=True)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    eta_s = models.FloatField(null=True, blank=True)
    """Seconds left as the engine estimated them at `progress_at`."""
    progress_at = models.DateTimeField(null=True, blank=True)
    successes = models.PositiveIntegerField(default=0)
    """Successes in the latest step (of an evaluation: so far), out of `attempts_count`."""
    attempts_count = models.PositiveIntegerField(default=0)
    held_out_successes = models.PositiveIntegerField(default=0)
    held_out_attempts = models.PositiveIntegerField(default=0)
    sparkline = ArrayField(models.FloatField(null=True), default=list, blank=True)
    """Success per step, thinned to a few dozen numbers; each stands for `sparkline_stride` steps."""
    sparkline_stride = models.PositiveIntegerField(default=1)
    episodes_count = models.PositiveIntegerField(default=0)
    faults_count = models.PositiveIntegerField(default=0)
    replay_size = models.PositiveIntegerField(default=0)
    desktops = models.PositiveSmallIntegerField(default=0)

    last_cursor = models.BigIntegerField(default=0)
    """Highest cursor given to an event of this run."""
    frames_bytes = models.BigIntegerField(default=0)
    best_checkpoint: models.ForeignKey[Checkpoint | None, Checkpoint | None] = models.ForeignKey(
        "Checkpoint", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["team", "-created_at", "-id"], name="runs_run_newest"),
            # The list is of a team's runs or the examples, which no index that begins with the team can give in order.
            models.Index(fields=["-created_at", "-id"], name="runs_run_newest_of_all"),
            models.Index(fields=["team", "status", "-created_at"], name="runs_run_status"),
            models.Index(fields=["-priority", "place_at"], name="runs_run_queue", condition=models.Q(status="queued")),
            GinIndex(fields=["tags"], name="runs_run_tags"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=RunStatus.values), name="runs_run_status_known"),
            models.CheckConstraint(condition=models.Q(kind__in=RunKind.values), name="runs_run_kind_known"),
            models.CheckConstraint(
                condition=models.Q(directive__in=[word.value for word in Directive]), name="runs_run_directive_known"
            ),
            models.CheckConstraint(
                condition=models.Q(successes__lte=models.F("attempts_count")), name="runs_run_successes_counted"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"

    @property
    def is_active(self) -> bool:
        """Whether a process of this run exists or is being started."""
        return self.status in ACTIVE_STATUSES

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is going to happen unless a person asks for it."""
        return self.status in ENDED_STATUSES


class RunAttempt(models.Model):
    """One process tree that works on a run; the next attempt continues from the last checkpoint."""

    class State(models.TextChoices):
        """What the console knows of the process."""

        STARTING = "starting", "Starting"
        RUNNING = "running", "Running"
        ENDED = "ended", "Ended"
        LOST = "lost", "Lost"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField(validators=[MinValueValidator(1)])
    token_hash = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STARTING)
    ray_submission_id = models.CharField(max_length=80, blank=True)
    last_seq = models.BigIntegerField(default=0)
    """Highest event that is stored with none missing below it."""
    last_event_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    """Heard from until then; past it the reconciler asks Ray."""
    started_step = models.PositiveIntegerField(default=0)
    """Training step of the checkpoint it continues; 0 for a fresh start."""
    outcome = models.CharField(max_length=10, choices=_choices(RunOutcome), blank=True)
    reason = models.TextField(blank=True)
    provenance = models.JSONField(default=dict, blank=True)
    host = models.CharField(max_length=200, blank=True)
    gpus = models.PositiveSmallIntegerField(default=0)
    """GPUs that it was given by the cluster, else that its machine showed; what GPU-hours are counted by."""
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["run", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="runs_attempt_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} attempt {self.number}"


class RunEvent(models.Model):
    """The replay log of the socket and the source of the timeline. Heavy fields live in tables of their own."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    cursor = models.BigIntegerField()
    """Order within the run over all attempts; given under the run's row lock, so no later one commits before it."""
    attempt = models.PositiveSmallIntegerField()
    """Number of the attempt; 0 for what the console itself adds."""
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=30)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["run", "cursor"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "cursor"], name="runs_event_cursor_once"),
            models.UniqueConstraint(fields=["run", "attempt", "seq"], name="runs_event_seq_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["run", "kind", "-cursor"], name="runs_event_kind")]

    def __str__(self) -> str:
        return f"{self.run_id} #{self.cursor} {self.kind}"


class Checkpoint(models.Model):
    """A checkpoint that is complete on the disk of the machine where the run ran."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="checkpoints")
    attempt = models.PositiveSmallIntegerField()
    step = models.PositiveIntegerField()
    path = models.CharField(max_length=400)
    """Relative to the run folder."""
    export_path = models.CharField(max_length=400, blank=True)
    """The weights as a Hugging Face folder, relative to the run folder; empty when there is none."""
    best = models.BooleanField(default=False)
    size = models.BigIntegerField(default=0)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["run", "step"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "step", "path"], name="runs_checkpoint_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} checkpoint at step {self.step}"
