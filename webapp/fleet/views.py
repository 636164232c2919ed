"""Machines that may join the cluster: join tokens, with the command to copy. For administrators of the console."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import PermissionRefused, can_administer_console
from webapp.env import envstr
from webapp.fleet.cluster import why_closed
from webapp.fleet.forms import JoinTokenForm
from webapp.fleet.selectors import join_tokens_visible_to
from webapp.fleet.services import make_join_token, revoke_join_token

SECRET_KEY = "join_secret"


@signed_in
def machines(request: PersonRequest) -> HttpResponse:
    """The tokens, and the form for a new one."""
    return _page(request, JoinTokenForm())


@require_POST
@signed_in
def create(request: PersonRequest) -> HttpResponse:
    """Make a token and show its command on the next page, once."""
    form = JoinTokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        token, secret = make_join_token(
            actor=request.user,
            name=form.cleaned_data["name"],
            lifetime=timedelta(hours=form.cleaned_data["hours"]),
            once=not form.cleaned_data["several"],
            ip=request.META.get("REMOTE_ADDR"),
        )
    except PermissionRefused as refusal:
        messages.error(request, str(refusal))
        return _page(request, form, status=403)
    request.session[SECRET_KEY] = {"name": token.name, "command": _command(request, secret)}
    return redirect("fleet:machines")


@require_POST
@signed_in
def revoke(request: PersonRequest, token_id: int) -> HttpResponse:
    """End a token."""
    token = join_tokens_visible_to(request.user).filter(pk=token_id).first()
    if token is None:
        raise Http404("There is no such join token, or it is not for you to see.")
    revoke_join_token(token=token, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    messages.success(request, f"The join token {token.name} admits nobody any more; machines that have joined stay.")
    return redirect("fleet:machines")


def _command(request: PersonRequest, secret: str) -> str:
    """What is typed at the machine; the secret goes by the environment, where no list of processes shows it."""
    reached = envstr("ARPO_REPORT_URL", settings.SERVICES.get("ARPO_REPORT_URL", ""))
    address = reached if reached and "127.0.0.1" not in reached else request.build_absolute_uri("/").rstrip("/")
    return f"ARPO_JOIN_TOKEN={secret} ./arpo join {address} --desktops 8"


def _page(request: PersonRequest, form: JoinTokenForm, status: int = 200) -> HttpResponse:
    allowed = can_administer_console(request.user)
    context = {
        "tokens": join_tokens_visible_to(request.user),
        "form": form,
        "may_change": allowed,
        "closed": why_closed() if allowed else "",
        "made": request.session.pop(SECRET_KEY, None) if allowed else None,
    }
    return render(request, "fleet/machines.html", context, status=status if allowed else 403)
