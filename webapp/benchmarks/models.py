"""Imports of task sets: who asked for which folder, how far it is, and what the engine found there."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from webapp.accounts.models import Team


class ImportState(models.TextChoices):
    """How far an import is."""

    WAITING = "waiting", "waiting"
    READING = "reading", "reading"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class TaskSetImport(models.Model):
    """One call of `import-osworld` on the machine where runs run."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="task_set_imports")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    path = models.CharField(max_length=500)
    """On the engine's machine."""
    only_look = models.BooleanField(default=False)
    """Count and judge, write nothing."""
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.WAITING)
    message = models.TextField(blank=True)
    report = models.JSONField(null=True)
    """An `OsworldReport` of the contract, once it is done."""
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"import of {self.path}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (ImportState.DONE, ImportState.FAILED)
