"""Who asks the API to read or to act: a signed-in person, or a person's token, which is good for one team only."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from ninja.security import HttpBearer, SessionAuth

from webapp.accounts.models import ApiToken, User
from webapp.accounts.permissions import PermissionRefused, Person
from webapp.accounts.services import token_in_use
from webapp.api.attempt_auth import bearer
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run


class TokenAuth(HttpBearer):
    """`Authorization: Bearer arpo_…`"""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        """The live token of this secret."""
        return token_in_use(token)


PEOPLE: list[Any] = [TokenAuth(), SessionAuth()]
"""A token first; else the session's cookie, which for writing needs the CSRF token as every page does."""


def visible_runs(request: HttpRequest) -> QuerySet[Run]:
    """The runs that whoever asks may see: a token shows its own team's only, whatever teams its owner is in.

    A header with a token that is not good makes a stranger of the request, whatever its cookie says.
    """
    if not bearer(request):
        return runs_visible_to(request.user)
    token = token_in_use(bearer(request))
    if token is None or ApiToken.Scope.READ not in token.scopes:
        return Run.objects.none()
    return runs_visible_to(token.user).filter(Q(team=token.team) | Q(is_example=True))


def reading_person(request: HttpRequest) -> Person:
    """Whoever asks: the token's owner, or the person of the session; what is starred or "mine" is theirs."""
    if not bearer(request):
        return request.user
    token = token_in_use(bearer(request))
    return AnonymousUser() if token is None else token.user


def acting_person(request: HttpRequest, run: Run) -> User:
    """The person in whose name a run is changed.

    Raises:
        PermissionRefused: the token may only read.
    """
    auth = getattr(request, "auth", None)
    if isinstance(auth, ApiToken):
        if ApiToken.Scope.RUN not in auth.scopes:
            raise PermissionRefused(f"The token {auth.prefix}… may only read; make one with the scope `run`.")
        if auth.team_id != run.team_id:
            raise PermissionRefused(f"The token {auth.prefix}… is of another team than this run.")
        return auth.user
    assert isinstance(request.user, User), "ninja lets nobody else in"
    return request.user
