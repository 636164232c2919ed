"""Small pictures of screenshots for lists, for members of the run's team; caches may keep them for good."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse, HttpResponseNotModified

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.episodes.services.thumbnails import open_thumbnail
from webapp.runs.access import run_visible_to

CACHE_FOR_GOOD: Final = "private, immutable, max-age=31536000"


@signed_in
def thumb(request: PersonRequest, run_id: str, sha256: str) -> HttpResponse:
    """One small picture. What is not here is a short 404: a list may ask for dozens."""
    run = run_visible_to(request.user, run_id)
    etag = f'"small-{sha256}"'
    if run is not None and request.headers.get("If-None-Match") == etag:
        return _cached(HttpResponseNotModified(), etag)
    small = open_thumbnail(run, sha256) if run is not None else None
    if small is None:
        return HttpResponse("There is no such picture.", status=404, content_type="text/plain")
    return _cached(HttpResponse(small[0], content_type=small[1]), etag)


def _cached(response: HttpResponse, etag: str) -> HttpResponse:
    response["Cache-Control"] = CACHE_FOR_GOOD
    response["ETag"] = etag
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    return response
