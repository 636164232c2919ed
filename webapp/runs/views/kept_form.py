"""A form that came too late: the session had ended, or its token was of an older sign-in. What was typed is kept."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

KEPT_KEY = "kept_new_run"
MAX_KEPT_BYTES = 256 * 1024
NOT_KEPT = frozenset({"csrfmiddlewaretoken"})


def kept_words(request: HttpRequest) -> dict[str, str]:
    """The posted words without the token, which would be of no use later."""
    return {name: str(value) for name, value in request.POST.items() if name not in NOT_KEPT}


def keep_words(request: HttpRequest) -> HttpResponse:
    """Put the typed words into the session and go to the sign-in page, which comes back to the form."""
    words = kept_words(request)
    if sum(len(name) + len(value) for name, value in words.items()) <= MAX_KEPT_BYTES:
        request.session[KEPT_KEY] = words
        messages.warning(request, "Your session has ended. Sign in and your form will be there as you left it.")
    else:
        messages.warning(request, "Your session has ended, and the form was too large to keep. Sign in to begin again.")
    return redirect(f"{reverse('accounts:sign_in')}?next={reverse('runs:new')}%3Fkept%3D1")


def take_kept_words(request: HttpRequest) -> dict[str, str] | None:
    """What was kept for this session, once."""
    words = request.session.pop(KEPT_KEY, None)
    return words if isinstance(words, dict) else None
