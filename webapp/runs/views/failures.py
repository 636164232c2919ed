"""Requests that Django itself refuses, answered so that the person knows what to do and loses nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from webapp.accounts.frame import current_team
from webapp.runs.forms import RunForm
from webapp.runs.origins import origin_of
from webapp.runs.starting import read_starting
from webapp.runs.team_presets import locked_for
from webapp.runs.views.kept_form import keep_words, kept_words
from webapp.runs.views.new import form_page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is old. A new-run form sent from our own page is shown again with all that was typed."""
    if request.path == reverse("runs:new") and request.method == "POST" and _from_our_page(request):
        if not request.user.is_authenticated:
            return keep_words(request)
        team = current_team(request)
        if team is not None:
            words = kept_words(request)
            notice = "This form was too old to be trusted, so nothing was started. Check it and press Start run again."
            origin, starting = origin_of(request.user, team, words), read_starting(words, timezone.now())
            form = RunForm.from_post(words, locked_for(request.user, origin.team_preset, origin.begins_at))
            return form_page(request, team, origin, form, starting=starting, notice=notice, status=403)
    return render(request, "403_csrf.html", {"back": request.get_full_path()}, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What could not be read at all; too much data is said with the limit."""
    if isinstance(exception, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // (1024 * 1024)
        problem = f"What you sent is larger than {limit} MB, the most that this page takes. Send less at once."
        return render(request, "400.html", {"problem": problem}, status=413)
    return render(request, "400.html", {"problem": "The request could not be read."}, status=400)


def _from_our_page(request: HttpRequest) -> bool:
    """Browsers name the page's origin on every POST; another site's form must not fill ours."""
    origin = urlsplit(request.headers.get("Origin", ""))
    return origin.netloc == request.get_host()
