"""Films as far as a person may see the runs that are in them."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone

from webapp.accounts.permissions import Person
from webapp.films.models import Film
from webapp.runs.access import runs_visible_to


def film_visible_to(person: Person, film_id: int) -> Film | None:
    """One film; None when it is gone, and when one of its runs is not the person's to see."""
    return _films(person).filter(pk=film_id).first()


def _films(person: Person) -> QuerySet[Film]:
    visible = runs_visible_to(person)
    films = Film.objects.filter(expires_at__gt=timezone.now(), left__run__in=visible)
    films = films.filter(Q(right=None) | Q(right__run__in=visible))
    return films.select_related("left__run__from_checkpoint", "right__run__from_checkpoint", "maker")
