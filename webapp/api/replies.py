"""Answers of the API in one form: typed models as JSON, refusals with a `detail` that says the cure."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import HttpResponse
from pydantic import BaseModel

JSON = "application/json"


def typed(model: BaseModel, *, status: int = 200) -> HttpResponse:
    """A model of the contract."""
    return HttpResponse(model.model_dump_json(), status=status, content_type=JSON)


def refusal(status: int, detail: str, *, line: int | None = None) -> HttpResponse:
    """Why not, in words; with the line of the body that it is about, where there is one."""
    body: dict[str, Any] = {"detail": detail}
    if line is not None:
        body["line"] = line
    response = HttpResponse(orjson.dumps(body), status=status, content_type=JSON)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response
