"""The switch for faults in success rates: keeps the choice for the person and goes back with it in the address."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.accounts.addresses import own_address
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.services import prefer
from webapp.runs.counting import PARAMETER, PREFERENCE
from webapp.runs.rates import Faults


@require_POST
@signed_in
def count_faults(request: PersonRequest) -> HttpResponse:
    """Remember what faults are to this person's success rates."""
    word = request.POST.get(PARAMETER, "")
    if word not in list(Faults):
        known = " or ".join(Faults)
        return HttpResponse(
            f"Faults can be {known}; {word[:40]!r} is neither.", status=422, content_type="text/plain; charset=utf-8"
        )
    prefer(person=request.user, name=PREFERENCE, value=word)
    # The page that asks may have changed its own address since it was written: the browser knows, the form does not.
    back = request.headers.get("Referer") or request.POST.get("next", "")
    return redirect(_with(own_address(request, back) or reverse("runs:list"), word))


def _with(address: str, word: str) -> str:
    """The same address, with this choice in its query."""
    parts = urlsplit(address)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != PARAMETER]
    return urlunsplit(parts._replace(query=urlencode([*query, (PARAMETER, word)])))
