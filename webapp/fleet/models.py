"""Desktops and machines as the attempts of runs reported them last, what people ordered of them, and who may join.

Rows only. Join tokens are the console's own and belong to no team; all else belongs to a run.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from arpo_engine.contract.fleet import DesktopPhase, OrderAction
from webapp.accounts.models import User
from webapp.runs.models import Run


def _choices(words: type[DesktopPhase | OrderAction]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class Desktop(models.Model):
    """One desktop of an attempt, as it was last heard of."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="fleet_desktops")
    attempt = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    machine = models.CharField(max_length=200)
    process = models.CharField(max_length=200, blank=True)
    """The process that it shares with others; empty where it has one of its own."""
    phase = models.CharField(max_length=12, choices=_choices(DesktopPhase))
    since = models.DateTimeField()
    task_id = models.CharField(max_length=200, blank=True)
    episode_key = models.CharField(max_length=80, blank=True)
    step = models.PositiveIntegerField(null=True)
    deadline = models.DateTimeField(null=True)
    failures = models.JSONField(default=dict)
    """Fault to how often, since the attempt began."""
    failures_count = models.PositiveIntegerField(default=0)
    note = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["run", "attempt", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "name"], name="fleet_desktop_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.name}"


class Machine(models.Model):
    """A machine that an attempt used, and its load as it was last sampled."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="fleet_machines")
    attempt = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    draining = models.BooleanField(default=False)
    cpu_percent = models.FloatField(null=True)
    """Of one core; None: this machine was never sampled."""
    cores = models.PositiveIntegerField(default=0)
    memory_used_mb = models.FloatField(default=0.0)
    memory_total_mb = models.FloatField(default=0.0)
    disk_free_mb = models.FloatField(default=0.0)
    sampled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["name", "run"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "attempt", "name"], name="fleet_machine_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} on {self.name}"


class Order(models.Model):
    """What a person ordered of an attempt's desktops. Sent with every answer until the engine says its outcome."""

    class State(models.TextChoices):
        """Whether the engine has said what came of it."""

        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="fleet_orders")
    attempt = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=12, choices=_choices(OrderAction))
    target = models.CharField(max_length=200)
    """Name of the desktop, or of the machine."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    outcome = models.TextField(blank=True)
    """The engine's own words."""
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "attempt", "action", "target"],
                name="fleet_order_waits_once",
                condition=models.Q(state="waiting"),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["run", "attempt"], name="fleet_order_waiting", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.action} {self.target}"


class JoinToken(models.Model):
    """Lets machines join the cluster, once or until it ends. Only its hash is stored; the prefix tells it apart."""

    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="join_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    once = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    uses = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True, blank=True)
    last_used_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def ended(self) -> str:
        """Why it admits nobody any more, in a word; empty while it does."""
        if self.revoked_at is not None:
            return "revoked"
        if self.once and self.uses:
            return "used"
        return "expired" if self.expires_at <= timezone.now() else ""
