"""A person's API tokens for the team that they look at; the secret is shown once."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.forms import TokenForm
from webapp.accounts.frame import current_team
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused
from webapp.accounts.selectors import tokens_visible_to
from webapp.accounts.services import create_api_token, revoke_api_token

SECRET_KEY = "token_secret"


@signed_in
def tokens(request: PersonRequest) -> HttpResponse:
    """The list, and the form for a new one."""
    return _page(request, _team(request), TokenForm())


@require_POST
@signed_in
def create(request: PersonRequest) -> HttpResponse:
    """Make a token and show its secret on the next page, once."""
    team = _team(request)
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, team, form, status=422)
    days = form.cleaned_data["days"]
    try:
        token, secret = create_api_token(
            user=request.user,
            team=team,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_in=timedelta(days=days) if days else None,
            ip=request.META.get("REMOTE_ADDR"),
        )
    except PermissionRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, team, form, status=403)
    request.session[SECRET_KEY] = {"name": token.name, "secret": secret}
    return redirect("accounts:tokens")


@require_POST
@signed_in
def revoke(request: PersonRequest, token_id: int) -> HttpResponse:
    """End a token."""
    token = tokens_visible_to(request.user, _team(request)).filter(pk=token_id).first()
    if token is None:
        raise Http404("There is no such token, or it is not yours.")
    try:
        revoke_api_token(token=token, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    except PermissionRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, token.team, TokenForm(), status=403)
    messages.success(request, f"The token {token.name} no longer works.")
    return redirect("accounts:tokens")


def _team(request: PersonRequest) -> Team:
    team = current_team(request)
    if team is None:
        raise Http404("You are not a member of any team; ask an admin to add you.")
    return team


def _page(request: PersonRequest, team: Team, form: TokenForm, status: int = 200) -> HttpResponse:
    context = {
        "tokens": tokens_visible_to(request.user, team),
        "form": form,
        "made": request.session.pop(SECRET_KEY, None),
    }
    return render(request, "accounts/tokens.html", context, status=status)
