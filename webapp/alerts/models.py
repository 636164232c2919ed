"""What teams are alerted of, whom they tell, and what was told. Rows only: every change goes through services."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from webapp.accounts.models import Team, User
from webapp.alerts.kinds import KINDS, Kind
from webapp.runs.models import Run

CHOICES = [(kind.name, kind.title) for kind in KINDS.values()]


class Rule(models.Model):
    """A team's own wish about one kind; a kind without a row is watched with its usual number."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_rules")
    kind = models.CharField(max_length=20, choices=CHOICES)
    enabled = models.BooleanField(default=True)
    threshold = models.FloatField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["team", "kind"], name="alerts_rule_once")]

    def __str__(self) -> str:
        return f"{self.team}: {self.kind}"


class Route(models.Model):
    """Where a team's alerts go besides the page."""

    class Way(models.TextChoices):
        """How a message travels."""

        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook (Slack and compatible)"

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_routes")
    way = models.CharField(max_length=10, choices=Way.choices)
    label = models.CharField(max_length=80)
    address = models.CharField(max_length=500)
    """An e-mail address, or a URL whose path is a secret: shown in part only."""
    kinds = ArrayField(models.CharField(max_length=20, choices=CHOICES), default=list, blank=True)
    """Kinds that travel this way; empty: all."""
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="alert_routes")
    created_at = models.DateTimeField(default=timezone.now)
    last_answer = models.CharField(max_length=300, blank=True)
    last_at = models.DateTimeField(null=True, blank=True)
    last_worked = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["team", "label"]

    def __str__(self) -> str:
        return f"{self.label} ({self.way})"

    @property
    def shown(self) -> str:
        """The address without what would let its reader send as us."""
        if self.way == self.Way.EMAIL:
            return self.address
        parts = urlsplit(self.address)
        secret = parts.path.lstrip("/") + parts.query + parts.fragment
        return f"{parts.scheme}://{parts.netloc}/…{secret[-4:] if len(secret) > 16 else ''}"


class Alert(models.Model):
    """Something that a team should know. One that lasts stays open until it is over."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alerts")
    run = models.ForeignKey(Run, null=True, on_delete=models.CASCADE, related_name="alerts")
    """None for what is about the console itself."""
    kind = models.CharField(max_length=20, choices=CHOICES)
    marker = models.CharField(max_length=60, blank=True)
    """Tells apart what happens more than once to one run; empty for what lasts."""
    text = models.TextField()
    raised_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    """When it was over; news is over at once."""
    seen_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="seen_alerts")

    class Meta:
        ordering: ClassVar = ["-raised_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["team", "-raised_at"], name="alerts_alert_newest")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "run", "kind"],
                name="alerts_alert_open_once",
                condition=models.Q(ended_at=None),
                nulls_distinct=False,
            ),
            models.UniqueConstraint(
                fields=["run", "kind", "marker"], name="alerts_alert_marked_once", condition=~models.Q(marker="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"

    @property
    def about(self) -> Kind:
        """The words of its kind."""
        return KINDS[self.kind]


class Delivery(models.Model):
    """One alert on its way to one route."""

    class State(models.TextChoices):
        """Whether it arrived."""

        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["due_at", "id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["alert", "route"], name="alerts_delivery_once")]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="alerts_delivery_due", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.alert} to {self.route}: {self.state}"


class Mute(models.Model):
    """A run whose alerts nobody wants to be sent for a while; they still stand on the page."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="alert_mute")
    until = models.DateTimeField()
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="alert_mutes")

    def __str__(self) -> str:
        return f"{self.run_id} until {self.until}"
