"""What the buttons, the mouse and the keyboard of the page post: directions, taking over, keeping."""

from __future__ import annotations

from typing import Any

import orjson
from django.contrib import messages
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import PermissionRefused
from webapp.tryouts import services
from webapp.tryouts.models import Tryout
from webapp.tryouts.selectors import standing_of, tryout_visible_to
from webapp.tryouts.services import TryoutRefused
from webapp.tryouts.views.page import visible_tryout

MOST_BYTES = 50_000
"""Of an action: more than what may be typed at once takes in the longest way of writing it."""
FIELDS = {"instruct": ("text",), "restart": ("task", "instruction")}
"""Besides the kind, what a form says of a direction; an act has its action, as JSON."""


@require_POST
@signed_in
def direct(request: PersonRequest, try_id: str) -> HttpResponse:
    """Send a direction; the answer is how the try-out stands, with the direction among what is on its way."""
    tryout = visible_tryout(request, try_id)
    try:
        words = words_of(request.POST)
        services.direct(run=tryout.run, actor=request.user, words=words, ip=_ip(request))
    except PermissionRefused as refusal:
        return _answer(request, tryout, refused=str(refusal), status=403)
    except TryoutRefused as refusal:
        return _answer(request, tryout, refused=str(refusal), status=refusal.status)
    return _answer(request, tryout)


@require_POST
@signed_in
def take_over(request: PersonRequest, try_id: str) -> HttpResponse:
    """Have the control from now on."""
    tryout = visible_tryout(request, try_id)
    try:
        said = services.take_over(run=tryout.run, actor=request.user, ip=_ip(request))
    except PermissionRefused as refusal:
        return _answer(request, tryout, refused=str(refusal), status=403)
    except TryoutRefused as refusal:
        return _answer(request, tryout, refused=str(refusal), status=refusal.status)
    return _answer(request, tryout, said=said)


@require_POST
@signed_in
def keep(request: PersonRequest, try_id: str) -> HttpResponse:
    """Keep it in the history with a note, or let it go with time again."""
    tryout = visible_tryout(request, try_id)
    try:
        if request.POST.get("keep") == "no":
            services.unkeep(run=tryout.run, actor=request.user, ip=_ip(request))
            said = "It is removed a day after its end."
        else:
            note = request.POST.get("note", "")
            services.keep(run=tryout.run, actor=request.user, note=note, ip=_ip(request))
            said = "It is kept, with its screenshots and steps."
    except PermissionRefused as refusal:
        return _answer(request, tryout, refused=str(refusal), status=403)
    except TryoutRefused as refusal:
        return _answer(request, tryout, refused=str(refusal), status=refusal.status)
    return _answer(request, tryout, said=said)


def words_of(posted: QueryDict) -> dict[str, Any]:
    """The fields of a direction as the contract names them.

    Raises:
        TryoutRefused: the action is no JSON, or too long.
    """
    kind = posted.get("kind", "")
    words: dict[str, Any] = {"kind": kind}
    words |= {name: posted[name] for name in FIELDS.get(kind, ()) if name in posted}
    if kind == "act":
        text = posted.get("action", "")
        if len(text) > MOST_BYTES:
            raise TryoutRefused(f"The action has {len(text)} characters; send less at once.", 422)
        try:
            words["action"] = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise TryoutRefused(
                'The action is no JSON; it looks like {"kind": "click", "x": 3, "y": 4}.', 422
            ) from error
    return words


def _answer(
    request: PersonRequest, tryout: Tryout, *, said: str = "", refused: str = "", status: int = 200
) -> HttpResponse:
    """How it stands, for the page's script; the page again for a plain form."""
    if "application/json" in request.headers.get("Accept", ""):
        row = tryout_visible_to(request.user, tryout.run_id) or tryout
        return JsonResponse(standing_of(request.user, row) | {"said": said, "refused": refused}, status=status)
    if refused:
        messages.error(request, refused)
    elif said:
        messages.success(request, said)
    return redirect("tryouts:page", tryout.run_id)


def _ip(request: PersonRequest) -> str | None:
    return request.META.get("REMOTE_ADDR")
