"""The machines of the cluster, as far as the console admits them. Knows nothing of runs."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from webapp.accounts.models import User


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
