"""What is done to rows of the list: one order for all that are selected, and stars."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.runs.access import runs_visible_to
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run
from webapp.runs.services.bulk import MAX_RUNS, ORDERS, BulkOutcome, for_each
from webapp.runs.services.notes import star_run, unstar_run

COMPARE = "/compare/"
MOST_COMPARED = 20


@require_POST
@signed_in
def bulk(request: PersonRequest) -> HttpResponse:
    """Carry out an order; a page's script is answered with what was done, a plain form with the list."""
    if star := request.POST.get("star"):
        return _star(request, star)
    order = request.POST.get("order", "")
    ids = list(dict.fromkeys(word for word in request.POST.getlist("run") if "\x00" not in word))
    if not ids:
        return _answer(request, "Select runs first: tick them, or press x on a row.", status=400)
    if len(ids) > MAX_RUNS:
        return _answer(request, f"{len(ids)} runs are selected; choose {MAX_RUNS} or fewer at once.", status=400)
    if order == "compare":
        return _compare(request, ids)
    if order == "csv":
        return redirect(f"{reverse('runs:export')}?{_state(request).parameters()}&{urlencode({'runs': ','.join(ids)})}")
    if order not in ORDERS:
        return _answer(request, f"There is no order “{order[:40]}”; use the buttons of the page.", status=400)
    words = {"tags": request.POST.get("tags", "").split(",")} if order in ("tag", "untag") else {}
    if words and not any(tag.strip() for tag in words["tags"]):
        return _answer(request, "Write a tag first; several are parted by commas.", status=400)
    service, verb = ORDERS[order]
    runs = list(runs_visible_to(request.user).filter(pk__in=ids))
    outcome = for_each(service, runs=runs, actor=request.user, ip=request.META.get("REMOTE_ADDR"), **words)
    return _outcome(request, order, outcome, verb)


def _compare(request: PersonRequest, ids: list[str]) -> HttpResponse:
    if not 2 <= len(ids) <= MOST_COMPARED:
        said = f"{len(ids)} run{' is' if len(ids) == 1 else 's are'} selected; compare 2 to {MOST_COMPARED}."
        return _answer(request, said, status=400)
    return redirect(f"{COMPARE}?{urlencode({'runs': ','.join(ids)}, safe=',')}")


def _star(request: PersonRequest, run_id: str) -> HttpResponse:
    run = None if "\x00" in run_id else runs_visible_to(request.user).filter(pk=run_id).first()
    if run is None:
        return _answer(request, "There is no such run that you can see.", status=404)
    starred = run.stars.filter(person=request.user).exists()
    service, verb = (unstar_run, "no longer starred") if starred else (star_run, "starred")
    outcome = for_each(service, runs=[run], actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    return _outcome(request, "star", outcome, verb)


def _outcome(request: PersonRequest, order: str, outcome: BulkOutcome, verb: str) -> HttpResponse:
    status = 200 if outcome.done else 409 if outcome.refused else 404
    words = outcome.words(verb) if outcome.done or outcome.refused else "There are no such runs that you can see."
    undo = "keep_running" if order == "stop" and outcome.done else ""
    return _answer(request, words, status=status, done=outcome.done, undo=undo)


def _answer(
    request: PersonRequest, said: str, *, status: int, done: list[Run] | None = None, undo: str = ""
) -> HttpResponse:
    if request.headers.get("X-Requested-With") == "fetch":
        return JsonResponse({"said": said, "done": [run.pk for run in done or ()], "undo": undo}, status=status)
    (messages.success if status == 200 else messages.error)(request, said)
    return redirect(f"{reverse('runs:list')}{_state(request).address()}")


def _state(request: PersonRequest) -> ViewState:
    """The view that the form stood in."""
    return ViewState.of(QueryDict(request.POST.get("state", "")[:6000]))
