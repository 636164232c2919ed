"""Points of a run's numbers, and the coarser buckets that are written with them so that long series read fast."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models

from webapp.runs.models import Run

FACTOR: Final = 8
LEVELS: Final = 6
"""Buckets of 8, 64, 512, … 262 144 steps: a series of a million points fits into two thousand of them."""
SYSTEM_PREFIX: Final = "system/"
"""Keys of what machines and desktops were busy with; their steps are seconds since the run was queued."""


class Series(models.Model):
    """One number of one run over its steps, such as `train/success`."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="series")
    key = models.CharField(max_length=120)
    last_step = models.PositiveIntegerField(default=0)
    last_value = models.FloatField(null=True)

    class Meta:
        ordering: ClassVar = ["run", "key"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "key"], name="metrics_series_once")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key}"


class Point(models.Model):
    """A value as it was logged. None: the engine had no finite number there; `odd` says what it had."""

    pk = models.CompositePrimaryKey("series", "attempt", "step")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="points")
    attempt = models.PositiveSmallIntegerField()
    step = models.PositiveIntegerField()
    at = models.DateTimeField()
    value = models.FloatField(null=True)
    odd = models.PositiveSmallIntegerField(default=0, db_default=0)
    """1: NaN, 2: +Inf, 4: -Inf; 0 for a finite number, and where nothing is known of what is missing."""

    def __str__(self) -> str:
        return f"{self.series_id} step {self.step}: {self.value}"


class Bucket(models.Model):
    """What the points of `8 ** level` consecutive steps of one attempt amount to."""

    pk = models.CompositePrimaryKey("series", "attempt", "level", "index")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="buckets")
    attempt = models.PositiveSmallIntegerField()
    level = models.PositiveSmallIntegerField()
    index = models.PositiveIntegerField()
    """The bucket holds the steps from `index * 8 ** level` on."""
    count = models.PositiveIntegerField()
    """Finite values in it; the missing ones are in `gaps`."""
    gaps = models.PositiveIntegerField()
    odd = models.PositiveSmallIntegerField(default=0, db_default=0)
    """What stood in the gaps: the bits of all its points."""
    minimum = models.FloatField(null=True)
    maximum = models.FloatField(null=True)
    total = models.FloatField()
    first = models.FloatField(null=True)
    last = models.FloatField(null=True)
    first_step = models.PositiveIntegerField()
    last_step = models.PositiveIntegerField()
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.series_id} level {self.level} bucket {self.index}"
