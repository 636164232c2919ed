"""Signing in by password or by a one-time link, signing out, and choosing the team to look at."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from webapp.accounts.addresses import own_address
from webapp.accounts.decorators import signed_in
from webapp.accounts.frame import TEAM_KEY
from webapp.accounts.selectors import teams_visible_to
from webapp.accounts.services import LinkRefused, redeem_sign_in_link

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(LoginView):
    """The sign-in page; somebody who is signed in already goes on to the runs."""

    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


class SignOut(LogoutView):
    """Ends the session; only by POST, so that a picture on another page cannot do it."""

    http_method_names = ["post", "options"]


@require_http_methods(["GET", "POST"])
def sign_in_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Land on a one-time link. Only the POST uses it up: a link that is merely fetched ahead still works."""
    if request.method == "GET":
        return render(request, "accounts/sign_in_link.html", {"secret": secret})
    try:
        user = redeem_sign_in_link(secret=secret, ip=request.META.get("REMOTE_ADDR"))
    except LinkRefused as refusal:
        return render(request, "accounts/sign_in_link.html", {"refusal": str(refusal)}, status=410)
    login(request, user, backend=BACKEND)
    return redirect("runs:list")


@require_POST
@signed_in
def switch_team(request: HttpRequest) -> HttpResponse:
    """Look at another of one's teams; a team that is not one's own is as good as not there."""
    word = request.POST.get("team", "")
    team = teams_visible_to(request.user).filter(pk=word).first() if word.isdigit() else None
    if team is None:
        messages.error(request, "That team is not there, or you are no longer a member of it.")
    else:
        request.session[TEAM_KEY] = team.pk
    return redirect(own_address(request, request.POST.get("next", "")) or "runs:list")
