"""The routes of API v1: the engine's door, and for people's scripts runs, curves and events to read, and a stop."""

from __future__ import annotations

from typing import Annotated

import orjson
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Query
from ninja.errors import HttpError

from webapp.accounts.permissions import PermissionRefused
from webapp.api import ingest, joining, run_secrets
from webapp.api.analysis_routes import router as analysis
from webapp.api.people_auth import PEOPLE, acting_person, visible_runs
from webapp.api.schemas import CurveData, EventData, EventPage, RunDetail, RunLine, RunPage, Said, curve_tree
from webapp.metrics.series import MAX_POINTS, keys_of, series
from webapp.runs.errors import RunRefused
from webapp.runs.models import Run, RunEvent, RunStatus
from webapp.runs.services import request_stop

# The interactive page of docs loads scripts from elsewhere, which our content policy forbids; the schema is enough.
api = NinjaAPI(title="ARPO Console", version="1", urls_namespace="api", docs_url=None, auth=PEOPLE)
api.add_router("", analysis)


@api.exception_handler(PermissionRefused)
def _not_permitted(request: HttpRequest, error: PermissionRefused) -> object:
    return api.create_response(request, {"detail": str(error)}, status=403)


@api.exception_handler(RunRefused)
def _refused(request: HttpRequest, error: RunRefused) -> object:
    return api.create_response(request, {"detail": str(error)}, status=409)


@api.get("/runs", response=RunPage)
def list_runs(
    request: HttpRequest,
    status: RunStatus | None = None,
    tag: str = "",
    before: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RunPage:
    """The newest runs first; `before` is the id of the last run of the part before."""
    runs = visible_runs(request).filter(archived_at=None).select_related("team", "owner").order_by("-created_at", "-id")
    if status is not None:
        runs = runs.filter(status=status)
    if tag:
        runs = runs.filter(tags__contains=[tag])
    if before:
        last = _run(request, before)
        runs = runs.filter(Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.pk))
    found = list(runs[: limit + 1])
    more = len(found) > limit
    return RunPage(runs=[RunLine.of(run) for run in found[:limit]], next=found[limit - 1].pk if more else None)


@api.get("/runs/{run_id}", response=RunDetail)
def get_run(request: HttpRequest, run_id: str) -> RunDetail:
    """One run with its configuration and where it stands."""
    return RunDetail.of(_run(request, run_id))


@api.get("/runs/{run_id}/metrics", response=list[str])
def list_metrics(request: HttpRequest, run_id: str) -> list[str]:
    """The keys of all numbers that the run logged."""
    return keys_of(_run(request, run_id).pk)


@api.get("/runs/{run_id}/series", response=list[CurveData])
def get_series(
    request: HttpRequest,
    run_id: str,
    key: Annotated[list[str], Query(min_length=1, max_length=50)],
    points: Annotated[int, Query(ge=10, le=MAX_POINTS)] = 500,
) -> HttpResponse:
    """The curves of these keys with at most about `points` samples each, however long they are."""
    curves = series(_run(request, run_id).pk, key, points).values()
    # A thousand places of a curve are data already: as objects they would cost more than all the rest.
    return HttpResponse(orjson.dumps([curve_tree(curve) for curve in curves]), content_type="application/json")


@api.get("/runs/{run_id}/events", response=EventPage)
def get_events(
    request: HttpRequest,
    run_id: str,
    since: Annotated[int, Query(ge=0)] = 0,
    kind: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> EventPage:
    """The run's log after a cursor, in order."""
    events = RunEvent.objects.filter(run=_run(request, run_id), cursor__gt=since).order_by("cursor")
    if kind:
        events = events.filter(kind=kind)
    found = list(events[: limit + 1])
    page = [EventData.of(event) for event in found[:limit]]
    return EventPage(events=page, cursor=page[-1].cursor if page else since, more=len(found) > limit)


@api.post("/runs/{run_id}/events", auth=None)
def post_events(request: HttpRequest, run_id: str) -> HttpResponse:
    """For engines: a batch of envelopes as NDJSON, with the attempt's own token."""
    return ingest.post_events(request, run_id)


@api.post("/join", auth=None)
def join(request: HttpRequest) -> HttpResponse:
    """For machines: how to join the cluster, with a join token."""
    return joining.post_join(request)


@api.get("/runs/{run_id}/secrets", auth=None)
def get_secrets(request: HttpRequest, run_id: str) -> HttpResponse:
    """For engines: the values of the secrets that the run's config names, with the attempt's own token."""
    return run_secrets.get_secrets(request, run_id)


@api.post("/runs/{run_id}/stop", response=Said)
def stop_run(request: HttpRequest, run_id: str) -> Said:
    """Ask the run to finish its step, save a checkpoint and stop; asking twice is harmless."""
    run = _run(request, run_id)
    message = request_stop(run=run, actor=acting_person(request, run), ip=request.META.get("REMOTE_ADDR"))
    run.refresh_from_db(fields=["status"])
    return Said(message=message, status=run.status)


def _run(request: HttpRequest, run_id: str) -> Run:
    run = visible_runs(request).filter(pk=run_id).select_related("team", "owner").first()
    if run is None:
        raise HttpError(404, f"There is no run {run_id[:20]} that you can see; check the id and your team.")
    return run
