"""What the agents did: groups, episodes, steps, frames, validations. What replay made of it is beside it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from webapp.accounts.models import User
from webapp.episodes.replay_models import ReplayEntry, ReplayInjection
from webapp.runs.models import Run

__all__ = [
    "Episode",
    "Frame",
    "Group",
    "GroupMember",
    "ReplayEntry",
    "ReplayInjection",
    "Step",
    "StepNote",
    "Validation",
]


def _choices(words: type[EndedBy | Fault | Split]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


class Group(models.Model):
    """All rollouts of one task in one training step, as they were trained on after replay."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="groups")
    attempt = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=80)
    """The engine's id of it; an attempt that repeats a step may use it again."""
    step = models.PositiveIntegerField()
    task_id = models.CharField(max_length=200)
    zero_gradient = models.BooleanField(default=False)
    """All rewards were equal: nothing to learn from."""
    faults = models.PositiveSmallIntegerField(default=0)
    injected = models.PositiveSmallIntegerField(default=0)
    """Members that came from replay."""
    reward_mean = models.FloatField(null=True)
    reward_std = models.FloatField(null=True)
    collected_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["run", "step", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "key"], name="episodes_group_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["run", "step"], name="episodes_group_step"),
            models.Index(fields=["run", "-id"], name="episodes_group_newest"),
            models.Index(fields=["run", "task_id", "-id"], name="episodes_group_task"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"


class Episode(models.Model):
    """One try of one task on one desktop. Only one without a fault has a score, and only one with a score a reward."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="episodes")
    attempt = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=80)
    """The engine's id of it; an attempt that repeats a step may use it again."""
    group_key = models.CharField(max_length=80, blank=True)
    """The group it was collected for; `GroupMember` says which groups it was trained in."""
    task_id = models.CharField(max_length=200)
    instruction = models.TextField()
    infeasible = models.BooleanField(default=False)
    split = models.CharField(max_length=20, choices=_choices(Split))
    step = models.PositiveIntegerField()
    desktop = models.CharField(max_length=80, blank=True)
    retry_of = models.CharField(max_length=80, blank=True)
    """The episode that was lost to a fault and is run again as this one."""
    evaluator = models.CharField(max_length=300, blank=True, default="", db_default="")
    """How it is scored, in the words of the task's evaluator; empty from an older engine."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=20, choices=_choices(EndedBy), blank=True)
    """Empty while the episode is under way."""
    fault = models.CharField(max_length=20, choices=_choices(Fault), blank=True)
    note = models.TextField(blank=True)
    score = models.FloatField(null=True)
    format_reward = models.FloatField(null=True)
    reward = models.FloatField(null=True)
    steps_count = models.PositiveSmallIntegerField(default=0)
    tokens = models.PositiveIntegerField(default=0)
    duration_s = models.FloatField(default=0.0)
    final_frame = models.CharField(max_length=64, blank=True)
    """Hash of the desktop as it was scored; empty when it was not kept."""

    class Meta:
        ordering: ClassVar = ["run", "step", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "key"], name="episodes_episode_once"),
            models.CheckConstraint(
                condition=models.Q(fault="") | models.Q(score__isnull=True), name="episodes_fault_has_no_score"
            ),
            models.CheckConstraint(
                condition=models.Q(reward__isnull=True) | models.Q(score__isnull=False),
                name="episodes_reward_needs_score",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["run", "step", "id"], name="episodes_episode_step"),
            models.Index(fields=["run", "task_id", "-id"], name="episodes_episode_task"),
            models.Index(fields=["run", "-id"], name="episodes_episode_newest"),
            models.Index(fields=["run", "retry_of"], name="episodes_episode_retry", condition=~models.Q(retry_of="")),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"


class GroupMember(models.Model):
    """One trajectory of a group as it is trained on; an injected one was collected for an earlier group."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveSmallIntegerField()
    episode_key = models.CharField(max_length=80)
    episode = models.ForeignKey(Episode, null=True, on_delete=models.SET_NULL, related_name="memberships")
    """None when the console never heard of that episode (its events were lost with an attempt)."""
    reward = models.FloatField(null=True)
    advantage = models.FloatField(null=True)
    advantage_before = models.FloatField(null=True)
    """In a group that replay changed: the advantage of what stood in this place before; None from an older engine."""

    class Meta:
        ordering: ClassVar = ["group", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "position"], name="episodes_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} #{self.position}"


class Step(models.Model):
    """The agent saw a frame, said something and did something."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="steps")
    index = models.PositiveSmallIntegerField()
    frame = models.CharField(max_length=64, blank=True)
    """Hash of the screenshot; empty when it was not kept under the frame settings."""
    frame_width = models.PositiveSmallIntegerField(default=0)
    frame_height = models.PositiveSmallIntegerField(default=0)
    thought = models.TextField(blank=True)
    action = models.JSONField(null=True)
    """None: the reply was unreadable; `problem` says why."""
    raw_text = models.TextField(blank=True)
    problem = models.TextField(blank=True)
    tokens = models.PositiveIntegerField(default=0)
    mean_logprob = models.FloatField(null=True)
    weight_version = models.PositiveIntegerField(default=0)
    generate_s = models.FloatField(default=0.0)
    act_s = models.FloatField(default=0.0)
    by = models.CharField(max_length=200, blank=True, default="", db_default="")
    """The person who acted in a try-out; empty: the agent."""
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["episode", "index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["episode", "index"], name="episodes_step_once"),
        ]

    def __str__(self) -> str:
        return f"{self.episode_id} step {self.index}"


class StepNote(models.Model):
    """What a person wrote at a step: a flag, a label, a comment, or several of them."""

    episode = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="notes")
    index = models.PositiveSmallIntegerField()
    """The step; one past the last is the desktop as it was scored."""
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    flagged = models.BooleanField(default=False)
    label = models.CharField(max_length=40, blank=True)
    text = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["episode", "index", "id"]
        indexes: ClassVar = [models.Index(fields=["episode", "index"], name="episodes_note_step")]

    def __str__(self) -> str:
        return f"note on {self.episode_id} step {self.index}"


class Frame(models.Model):
    """A screenshot by the hash of its bytes. The row comes with the first event that names it, the file later."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="frames")
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=20)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField(default=0)
    stored_at = models.DateTimeField(null=True)
    """None: the engine has not delivered the bytes yet."""
    asked_at = models.DateTimeField(null=True)
    asked_times = models.PositiveSmallIntegerField(default=0)
    """How often the engine was asked for the bytes; past a bound it is not asked again."""

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "sha256"], name="episodes_frame_once")]
        indexes: ClassVar = [
            models.Index(fields=["run", "id"], name="episodes_frame_missing", condition=models.Q(stored_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.sha256[:12]}"


class Validation(models.Model):
    """One measurement of a split with the validation's own sampling; infeasible tasks are counted apart."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="validations")
    attempt = models.PositiveSmallIntegerField()
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=20, choices=_choices(Split))
    successes = models.PositiveIntegerField()
    attempts_count = models.PositiveIntegerField()
    faults = models.PositiveIntegerField(default=0)
    infeasible_successes = models.PositiveIntegerField(default=0)
    infeasible_attempts = models.PositiveIntegerField(default=0)
    by_task = models.JSONField(default=dict)
    """Task id to [successes, attempts]."""
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["run", "step", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "step", "split"], name="episodes_validation_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.split} at step {self.step}: {self.successes}/{self.attempts_count}"
