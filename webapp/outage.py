"""What a person or an engine is told while the database or the bus is away: 503, and that nothing is lost."""

from __future__ import annotations

import sys
from typing import Final

import psycopg
import redis.exceptions
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults

RETRY_AFTER_S: Final = 5
AWAY_STATES: Final = ("08", "53", "57P")
"""Classes of SQLSTATE for a connection that failed, a server that is full, and one that shuts down or starts."""


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's page for what no view answered, unless a server that the console stands on is away."""
    away = what_is_away(sys.exc_info()[1])
    if away is None:
        return defaults.server_error(request)
    answer: HttpResponse
    if request.path.startswith("/api/"):
        answer = JsonResponse({"detail": f"{away} is away; send it again in a few seconds"}, status=503)
    else:
        answer = render(None, "503.html", {"away": away, "reads": request.method == "GET"}, status=503)
    answer["Retry-After"] = str(RETRY_AFTER_S)
    return answer


def what_is_away(error: BaseException | None) -> str | None:
    """The server that the error says is away; None for every other error."""
    if isinstance(error, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError):
        return "The console's bus (Valkey)"
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause = error.__cause__
    state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
    return "The console's database" if state is None or state.startswith(AWAY_STATES) else None
