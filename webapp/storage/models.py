"""A team's rules of what is deleted with time, and the runs that people pinned against them. Rows only."""

from __future__ import annotations

from typing import Final

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from webapp.accounts.models import Team, User
from webapp.runs.models import Run

DELETED: Final = "storage.deleted"
"""The action in the audit log of each deletion by the rules."""


class TeamRetention(models.Model):
    """After how many days what of a run is deleted; None: never. Teams without a row have the default.

    Days count from a run's end, those of its folder from when it was archived.
    """

    team = models.OneToOneField(Team, on_delete=models.CASCADE, related_name="retention")
    event_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    thin_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    frame_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    checkpoint_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    keep_last = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1)])
    """Latest checkpoints of a run that stay beside the best one."""
    folder_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    """Days since a run was archived after which its folder on disk goes."""
    set_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"retention of {self.team}"


class RunPin(models.Model):
    """Nothing of this run is deleted by rules, whatever they say."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="pin")
    pinned_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    pinned_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.run_id} is pinned"
