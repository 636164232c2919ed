"""Reading saved views, for the person who sees them: their own, and those that the team shares."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from webapp.accounts.models import Team, User
from webapp.runs.history.models import DefaultView, SavedView


def views_visible_to(person: User, team: Team) -> QuerySet[SavedView]:
    """The person's own views of the team and those that its members share; `is_first` marks the one they begin with."""
    mine = SavedView.objects.filter(Q(owner=person) | Q(shared=True), team=team, team__memberships__user=person)
    begins = Exists(DefaultView.objects.filter(person=person, view=OuterRef("pk")))
    return mine.select_related("owner", "team").annotate(is_first=begins)


def view_visible_to(person: User, team: Team, view_id: int) -> SavedView | None:
    """One view, or None both for one that is not there and for one that is not theirs to see."""
    return views_visible_to(person, team).filter(pk=view_id).first()


def first_view_of(person: User, team: Team) -> SavedView | None:
    """The view that the person's list begins with, if they chose one."""
    return views_visible_to(person, team).filter(default_of__person=person).first()


def name_of_view(person: User, team: Team, state: str) -> str:
    """What the person knows this state of the list as; empty for one that is nobody's view."""
    named = views_visible_to(person, team).filter(state=state)
    return named.values_list("name", flat=True).first() or ""
