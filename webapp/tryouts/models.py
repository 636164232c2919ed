"""A try-out beside its run, and what people directed in it. Rows only: every change goes through services."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.db import models
from django.utils import timezone

from webapp.accounts.models import User
from webapp.runs.models import Run

STAYS_FOR: Final = timedelta(days=1)
"""After its end, unless somebody keeps it."""


class Tryout(models.Model):
    """A run in which people watch and direct one agent on one desktop; as it was last heard of."""

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.CASCADE, related_name="tryout")
    controller = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Who directs it; everybody else looks on."""
    controlled_at = models.DateTimeField(default=timezone.now)
    last_number = models.PositiveIntegerField(default=0)
    """Number of the latest direction."""

    attempt = models.PositiveSmallIntegerField(default=0)
    """The attempt that the rest is of; 0 before any was heard of."""
    state = models.CharField(max_length=20, blank=True)
    heard_at = models.DateTimeField(null=True)
    """When the engine told of it last, on the engine's clock."""
    taken = models.PositiveIntegerField(default=0)
    """Highest number of a direction that the engine took."""
    episode_key = models.CharField(max_length=80, blank=True)
    task_id = models.CharField(max_length=200, blank=True)
    step = models.PositiveIntegerField(default=0)
    instruction = models.TextField(blank=True)
    """What the agent follows now."""
    judged = models.BooleanField(default=True)
    """Whether ending it gives a score: the task's own instruction was followed all along."""
    said = models.TextField(blank=True)
    """Why it holds or is over, where nobody asked for it."""
    idle_at = models.DateTimeField(null=True)
    """When it ends by itself if nobody directs it until then."""
    frame = models.CharField(max_length=64, blank=True)
    """Hash of the newest screenshot."""
    screen_width = models.PositiveSmallIntegerField(default=0)
    screen_height = models.PositiveSmallIntegerField(default=0)

    kept_at = models.DateTimeField(null=True)
    """None: it is removed a day after its end."""
    kept_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.TextField(blank=True)
    """Why it was kept, in the keeper's words."""

    def __str__(self) -> str:
        return f"try-out {self.run_id}"


class Direction(models.Model):
    """What a person directed, on its way to the engine or carried out by it."""

    tryout = models.ForeignKey(Tryout, on_delete=models.CASCADE, related_name="directions")
    attempt = models.PositiveSmallIntegerField()
    """The attempt it was meant for: a click on one desktop is no click on the next."""
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10)
    data = models.JSONField()
    """As it travels: a `Direction` of the contract."""
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    taken_at = models.DateTimeField(null=True)
    """When the console heard that the engine has it; None while it is on its way."""
    refused = models.TextField(blank=True)
    """Why it was not carried out."""

    class Meta:
        ordering: ClassVar = ["tryout", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tryout", "number"], name="tryouts_direction_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["tryout", "number"], name="tryouts_waiting", condition=models.Q(taken_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.tryout_id} #{self.number} {self.kind}"
