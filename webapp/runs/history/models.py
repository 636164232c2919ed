"""What the list of runs is searched by and remembers: settings as rows, stars, and named views. Rows only."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings as project
from django.db import models
from django.utils import timezone

MAX_SETTING_TEXT = 200
"""A longer value is cut in the index; the run's own config keeps it whole."""


class ConfigKey(models.Model):
    """A dotted key of some run's config, such as `optimizer.lr`: a number in its place keeps the index small."""

    path = models.CharField(max_length=300, unique=True)

    def __str__(self) -> str:
        return self.path


class RunSetting(models.Model):
    """One leaf of one run's config, so that runs are filtered and ordered by it from an index.

    The config itself is a document of some five kilobytes, which Postgres keeps compressed and apart: to look into
    those of ten thousand runs took 344 ms where these rows took 4.
    """

    pk = models.CompositePrimaryKey("run", "key")
    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="settings", db_index=False)
    key = models.ForeignKey(ConfigKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.FloatField(null=True)
    """The value, where it is a number; 1 and 0 for on and off."""
    text = models.CharField(max_length=MAX_SETTING_TEXT)
    """The value as the pages show it."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["key", "number"], include=["run"], name="runs_setting_number"),
            models.Index(fields=["key", "text"], include=["run"], name="runs_setting_text"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.key_id}: {self.text}"


class RunStar(models.Model):
    """A person wants to find this run again; everybody has stars of their own."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="stars")
    person = models.ForeignKey(project.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="run_stars")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["person", "run"], name="runs_star_once")]

    def __str__(self) -> str:
        return f"{self.person_id} likes {self.run_id}"


class SavedView(models.Model):
    """A query, columns, order and grouping under a name: a person's own, or their whole team's."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(project.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    state = models.TextField(blank=True)
    """The view as the address has it: `q=…&cols=…&sort=…&group=…`."""
    shared = models.BooleanField(default=False)
    """Whether the whole team sees it."""
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "owner", "name"], name="runs_view_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class DefaultView(models.Model):
    """The view that a person's list of a team's runs opens with."""

    person = models.ForeignKey(project.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="default_views")
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="default_of")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["person", "team"], name="runs_default_view_once")]

    def __str__(self) -> str:
        return f"{self.person_id} begins with {self.view_id}"
