"""What a team plans runs with: quotas, a pause of its queue, sweeps, schedules, presets of its own. Rows only.

Knows nothing of runs: a run points here, so that what made it stays known.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from webapp.accounts.models import Team, User


class TeamQuota(models.Model):
    """What a team may use at most; None: as much as there is."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="quota")
    gpu_hours = models.PositiveIntegerField(null=True, blank=True)
    """GPU-hours of all its attempts within the last thirty days."""
    desktops = models.PositiveIntegerField(null=True, blank=True)
    """Desktops of the runs that are under way, together."""
    concurrent_runs = models.PositiveIntegerField(null=True, blank=True)
    set_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"quota of {self.team}"


class QueueHold(models.Model):
    """A team's queue is paused: what runs goes on, nothing of the team starts until the row is gone."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="queue_hold")
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"queue of {self.team} paused"


class Sweep(models.Model):
    """Runs that were started together, one for each combination of some settings' values."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="sweeps")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sweeps")
    name = models.CharField(max_length=120)
    axes = models.JSONField()
    """Pairs of a setting's path and its values, in the order of the form."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["team", "-created_at"], name="runs_sweep_newest")]

    def __str__(self) -> str:
        return f"{self.name} (sweep {self.pk})"


class TeamPreset(models.Model):
    """A configuration that a team keeps: runs begin with it, and its locked settings are a maintainer's to change."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="presets")
    name = models.CharField(max_length=80)
    story = models.TextField(blank=True)
    config = models.JSONField()
    locked = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    """Dotted paths of settings; the name of a group locks all below it."""
    version = models.PositiveIntegerField(default=1)
    """Counts the edits, so that an edit of an older text is noticed."""
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    edited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    edited_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "name"], condition=models.Q(retired_at=None), name="runs_preset_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.team}"


class RunSchedule(models.Model):
    """Starts runs by the clock: once at a time, or again and again by a cron line in a time zone."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="schedules")
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="schedules")
    """Whose rights and name its runs have."""
    name = models.CharField(max_length=120)
    config = models.JSONField()
    axes = models.JSONField(default=list, blank=True)
    """Of a sweep, as in `Sweep.axes`; empty for a single run."""
    preset = models.CharField(max_length=80, blank=True)
    team_preset = models.ForeignKey(TeamPreset, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    parent = models.ForeignKey("runs.Run", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    from_checkpoint = models.ForeignKey(
        "runs.Checkpoint", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    tries = models.PositiveSmallIntegerField(default=3)

    cron = models.CharField(max_length=100, blank=True)
    """Five fields as in crontab; empty: once, at `next_at`."""
    zone = models.CharField(max_length=64, default="UTC")
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True)
    """When it starts next; None: never again."""
    last_at = models.DateTimeField(null=True, blank=True)
    last_told = models.TextField(blank=True)
    """What came of the last time, in words."""
    created_at = models.DateTimeField(default=timezone.now)
    version = models.PositiveIntegerField(default=1)
    """Counts the edits, so that an edit of an older form is noticed."""
    edited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    edited_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["next_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], name="runs_schedule_due", condition=models.Q(enabled=True)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.cron or 'once'})"
