"""People, teams and what they may do. Knows nothing of runs: what belongs to a team points here, never back."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    """What a member may do in a team; each role may do all that the roles before it may."""

    VIEWER = "viewer", "Viewer"
    RUNNER = "runner", "Runner"
    MAINTAINER = "maintainer", "Maintainer"
    ADMIN = "admin", "Admin"

    @property
    def rank(self) -> int:
        """Place in the order of rights, lowest first."""
        return list(Role).index(self)


class User(AbstractUser):
    """A person. Rights come from memberships of teams, not from Django's own groups."""

    display_name = models.CharField(max_length=120, blank=True)
    preferences = models.JSONField(default=dict, blank=True)
    """How this person wants pages drawn, by the name of the choice; see `webapp.runs.rates` for one."""

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["email"], condition=~models.Q(email=""), name="accounts_user_email_once"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username


class Team(models.Model):
    """Everything that a run, its episodes and its frames may be seen by."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=60, unique=True)
    members: models.ManyToManyField[User, Membership] = models.ManyToManyField(
        User, through="Membership", related_name="teams"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=12, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "team"], name="accounts_membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="accounts_membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}: {self.role}"


class ApiToken(models.Model):
    """A person's key to the API for one team. Only its hash is stored; the prefix tells it apart in lists."""

    class Scope(models.TextChoices):
        """What a token may be used for, whatever its owner may do besides."""

        READ = "read", "Read runs, metrics and episodes"
        RUN = "run", "Start and stop runs"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=8, choices=Scope.choices), default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignInLink(models.Model):
    """A link that signs one person in once, before it expires. Only the hash of its secret is stored."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link for {self.user}"


class AuditEntry(models.Model):
    """Who did what to which object, when and from where. Written once, never changed."""

    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    actor = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="audit_entries")
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    at = models.DateTimeField(default=timezone.now)
    ip = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["team", "-at"], name="accounts_audit_team"),
            models.Index(fields=["object_type", "object_id", "-at"], name="accounts_audit_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
