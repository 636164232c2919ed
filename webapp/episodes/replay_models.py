"""What replay remembered, from when to when, and what it gave back to which group. Rows only."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from webapp.runs.models import Run


class ReplayEntry(models.Model):
    """A success that the replay buffer remembered, from its admission until it was evicted."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="replay_entries")
    attempt = models.PositiveSmallIntegerField()
    task_id = models.CharField(max_length=200)
    episode_key = models.CharField(max_length=80)
    episode = models.ForeignKey("episodes.Episode", null=True, on_delete=models.SET_NULL, related_name="replay_entries")
    admitted_step = models.PositiveIntegerField()
    evicted_step = models.PositiveIntegerField(null=True)
    """None while it is remembered."""

    class Meta:
        ordering: ClassVar = ["run", "admitted_step", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "episode_key"], name="episodes_replay_entry_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["run", "task_id"], name="episodes_replay_stock", condition=models.Q(evicted_step=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} remembers {self.episode_key}"


class ReplayInjection(models.Model):
    """Replay rescued a group: a remembered success took the place of a failed sibling."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="injections")
    group = models.ForeignKey("episodes.Group", on_delete=models.CASCADE, related_name="injections")
    task_id = models.CharField(max_length=200)
    step = models.PositiveIntegerField()
    source_key = models.CharField(max_length=80)
    source = models.ForeignKey("episodes.Episode", null=True, on_delete=models.SET_NULL, related_name="injected_as")
    source_step = models.PositiveIntegerField()
    source_weight_version = models.PositiveIntegerField()
    replaced_key = models.CharField(max_length=80)
    replaced = models.ForeignKey("episodes.Episode", null=True, on_delete=models.SET_NULL, related_name="replaced_in")
    age_steps = models.PositiveIntegerField(null=True)
    """Training steps since it was collected; None from an older engine."""
    advantage_before = models.FloatField(null=True)
    """What the failed sibling would have been trained with; None from an older engine."""
    advantage_after = models.FloatField(null=True)
    """What the remembered success was trained with in its place."""
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["run", "step", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group", "replaced_key"], name="episodes_injection_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["run", "step"], name="episodes_injection_step")]

    def __str__(self) -> str:
        return f"{self.source_key} for {self.replaced_key}"
