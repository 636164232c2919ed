"""Which runs a person may see. Every page, API call, frame and socket asks here first."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from webapp.accounts.models import Membership, Team, User
from webapp.accounts.permissions import Person, can_view
from webapp.runs.models import Run

NUL: Final = "\x00"


def runs_visible_to(person: Person) -> QuerySet[Run]:
    """Runs of the person's teams, and the recorded examples for everybody who is signed in."""
    if not isinstance(person, User) or not person.is_active:
        return Run.objects.none()
    membership = Membership.objects.filter(user=person, team=OuterRef("team_id"))
    return Run.objects.filter(Q(is_example=True) | Exists(membership))


def runs_of_team_visible_to(person: Person, team: Team) -> QuerySet[Run]:
    """What the person's list of this team's runs is about: its runs and the recorded examples.

    Membership is asked once and not of every row, which lets Postgres read ten thousand rows in a fraction of the time.
    """
    if not can_view(person, team):
        return Run.objects.none()
    return Run.objects.filter(Q(team=team) | Q(is_example=True))


def run_visible_to(person: Person, run_id: str) -> Run | None:
    """One run; None both when it does not exist and when it is somebody else's: the two look the same from outside."""
    if NUL in run_id:  # which the database refuses to look for
        return None
    return runs_visible_to(person).filter(pk=run_id).select_related("team", "owner").first()


def viewers_of(run: Run) -> frozenset[int] | None:
    """Ids of all persons who may see the run now; None: everybody who is signed in. `run_visible_to`, turned round."""
    if run.is_example:
        return None
    members = Membership.objects.filter(team_id=run.team_id, user__is_active=True)
    return frozenset(members.values_list("user_id", flat=True))
