"""Screenshots over HTTP: engines put them, members of the run's team get them, and caches may keep them for good."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from arpo_engine.contract.framepack import MOST_BYTES, PackUnreadable, unpack
from webapp.api.attempt_auth import AttemptRefused, attempt_of_request
from webapp.api.ndjson import BodyTooLarge, BodyUnreadable, read_body
from webapp.api.people_auth import visible_runs
from webapp.api.replies import refusal, typed
from webapp.episodes.services import FrameRefused, open_frame, store_frame, store_frames
from webapp.episodes.services.frames import MAX_FRAME_BYTES

CACHE_FOR_GOOD: Final = "private, immutable, max-age=31536000"


@csrf_exempt
@require_http_methods(["GET", "HEAD", "PUT"])
def frame(request: HttpRequest, run_id: str, sha256: str) -> HttpResponse:
    """One screenshot of one run, by the hash of its bytes."""
    return _put(request, run_id, sha256) if request.method == "PUT" else _get(request, run_id, sha256)


@csrf_exempt
@require_POST
def frames(request: HttpRequest, run_id: str) -> HttpResponse:
    """Several screenshots in one request; the answer says of each what became of it."""
    try:
        attempt = attempt_of_request(request, run_id)
        answer = store_frames(attempt.run, unpack(read_body(request, limit=MOST_BYTES)))
    except (AttemptRefused, FrameRefused) as error:
        return refusal(error.status, str(error))
    except BodyTooLarge as error:
        return refusal(413, f"{error}: send fewer frames at once")
    except (BodyUnreadable, PackUnreadable) as error:
        return refusal(422, str(error))
    return typed(answer)


def _put(request: HttpRequest, run_id: str, sha256: str) -> HttpResponse:
    try:
        attempt = attempt_of_request(request, run_id)
        new = store_frame(attempt.run, sha256, read_body(request, limit=MAX_FRAME_BYTES))
    except (AttemptRefused, FrameRefused) as error:
        return refusal(error.status, str(error))
    except BodyTooLarge as error:
        return refusal(413, f"{error}: lower frames.quality or the screen's size")
    except BodyUnreadable as error:
        return refusal(422, str(error))
    return HttpResponse(status=201 if new else 200)


def _get(request: HttpRequest, run_id: str, sha256: str) -> HttpResponse:
    run = visible_runs(request).filter(pk=run_id).first()
    if run is None:
        return refusal(404, "there is no such frame")
    etag = f'"{sha256}"'
    if request.headers.get("If-None-Match") == etag:
        return _cached(HttpResponseNotModified(), etag)
    stored = open_frame(run, sha256)
    if stored is None:
        return refusal(404, "there is no such frame")
    data, media_type = stored
    return _cached(HttpResponse(data, content_type=media_type), etag)


def _cached(response: HttpResponse, etag: str) -> HttpResponse:
    response["Cache-Control"] = CACHE_FOR_GOOD
    response["ETag"] = etag
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    return response
