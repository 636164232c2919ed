"""What tasks a run tried, and how often each was solved: counted while events come in, so that a matrix reads few rows.

Everything here can be counted again from the episodes; nothing is known here alone.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from webapp.runs.models import Run


class SeenTask(models.Model):
    """A task as a run tried it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="seen_tasks")
    task_id = models.CharField(max_length=200)
    instruction = models.TextField(blank=True)
    domain = models.CharField(max_length=100, blank=True)
    """What results are grouped by; empty where the engine named none."""
    infeasible = models.BooleanField(default=False)
    """It can only be answered by saying that it cannot be done; such tasks are counted apart."""

    class Meta:
        ordering: ClassVar = ["run", "task_id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "task_id"], name="analysis_task_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.task_id}"


class TaskTally(models.Model):
    """How one task went in one step of one attempt of a run."""

    task = models.ForeignKey(SeenTask, on_delete=models.CASCADE, related_name="tallies")
    attempt = models.PositiveSmallIntegerField()
    split = models.CharField(max_length=20)
    """One of `arpo_engine.contract.outcomes.Split`."""
    step = models.PositiveIntegerField()
    successes = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    """Tries with a score."""
    faults = models.PositiveIntegerField(default=0)
    """Tries that something around the agent ended; they have no score."""
    retries = models.PositiveIntegerField(default=0)
    """Tries that were begun in place of one that a fault ended; `faults - retries` were never made good."""
    superseded = models.BooleanField(default=False)
    """A later attempt went back to before this step and did it again."""

    class Meta:
        ordering: ClassVar = ["task", "step"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "split", "step", "attempt"], name="analysis_tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.task_id} {self.split} step {self.step}: {self.successes}/{self.tries}"
