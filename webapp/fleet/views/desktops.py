"""The fleet page: the team's desktops as a grid, a table or by machine, and the buttons that order them about."""

from __future__ import annotations

from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from arpo_engine.contract.fleet import DesktopPhase, OrderAction
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.permissions import PermissionRefused, can_run
from webapp.bulk import clean_text
from webapp.fleet import services
from webapp.fleet.selectors.desktops import DEFAULT_SORT, SORTS, FleetFilters, desktop_visible_to, fleet_visible_to
from webapp.fleet.services import OrderRefused
from webapp.fleet.words import LOOKS

VIEWS = ("grid", "table", "machines")


@signed_in
def fleet(request: PersonRequest) -> HttpResponse:
    """All desktops that are there now; everything about the view of them is in the address."""
    if current_team(request) is None:
        return render(request, "runs/no_team.html", {"section": "fleet"})
    template = "fleet/parts/board.html" if request.headers.get("HX-Request") else "fleet/page.html"
    return render(request, template, _context(request))


@require_POST
@signed_in
def desktop(request: PersonRequest, desktop_id: int, action: str) -> HttpResponse:
    """Restart, quarantine or release one."""
    row = desktop_visible_to(request.user, desktop_id)
    if row is None:
        raise Http404("There is no such desktop any more.")
    try:
        said = services.order_desktop(desktop=row, action=_action(action), actor=request.user, ip=_ip(request))
    except PermissionRefused as refusal:
        return _answer(request, str(refusal), status=403)
    except OrderRefused as refusal:
        return _answer(request, str(refusal), status=409)
    return _answer(request, said, status=200)


@require_POST
@signed_in
def machine(request: PersonRequest, action: str) -> HttpResponse:
    """Drain a machine, or give it back; for the runs of the team that the person looks at."""
    team = current_team(request)
    if team is None:
        raise Http404("You are in no team.")
    name = clean_text(request.POST.get("machine", ""))
    try:
        said = services.order_machine(name=name, team=team, action=_action(action), actor=request.user, ip=_ip(request))
    except PermissionRefused as refusal:
        return _answer(request, str(refusal), status=403)
    except OrderRefused as refusal:
        return _answer(request, str(refusal), status=409)
    return _answer(request, said, status=200)


def _context(request: PersonRequest) -> dict[str, object]:
    words, team = request.GET, current_team(request)
    assert team is not None, "a page without a team is another page"
    filters = _filters(words)
    address = f"{reverse('fleet:fleet')}?{words.urlencode()}" if words else reverse("fleet:fleet")
    return {
        "section": "fleet",
        "filters": filters,
        "fleet": fleet_visible_to(request.user, team, filters),
        "phases": [(phase.value, LOOKS[phase].word) for phase in DesktopPhase],
        "may_order": can_run(request.user, team),
        "query": words.urlencode(),
        "address": address,
    }


def _answer(request: PersonRequest, said: str, status: int) -> HttpResponse:
    """The board as it is now for a page's script, with what to say; the page again for a plain form."""
    request.GET = QueryDict(request.POST.get("query", ""))  # the page is shown as it was looked at
    if request.headers.get("HX-Request"):
        response = render(request, "fleet/parts/board.html", _context(request), status=status)
        response.headers["X-Said"] = quote(said)
        return response
    (messages.success if status == 200 else messages.error)(request, said)
    return redirect(f"{reverse('fleet:fleet')}?{request.GET.urlencode()}")


def _action(word: str) -> OrderAction:
    try:
        return OrderAction(word)
    except ValueError as error:
        raise Http404(f"There is no order {word[:20]!r}.") from error


def _filters(words: QueryDict) -> FleetFilters:
    sort, view, phase = words.get("sort", DEFAULT_SORT), words.get("view", ""), words.get("phase", "")
    return FleetFilters(
        run=clean_text(words.get("run", "")),
        machine=clean_text(words.get("machine", "")),
        phase=phase if phase in list(DesktopPhase) else "",
        view=view if view in VIEWS else "grid",
        sort=sort if sort.removeprefix("-") in SORTS else DEFAULT_SORT,
    )


def _ip(request: PersonRequest) -> str | None:
    return request.META.get("REMOTE_ADDR")
