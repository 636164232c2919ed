"""What a person may read of the cluster's machines."""

from __future__ import annotations

from django.db.models import QuerySet

from webapp.accounts.permissions import Person, can_administer_console
from webapp.fleet.models import JoinToken


def join_tokens_visible_to(person: Person) -> QuerySet[JoinToken]:
    """All of them, for administrators of the console."""
    if not can_administer_console(person):
        return JoinToken.objects.none()
    return JoinToken.objects.select_related("made_by").order_by("-created_at", "-id")
