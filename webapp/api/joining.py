"""The machines' door: a join token in, the way into the cluster out."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from pydantic import ValidationError

from arpo_engine.contract.joining import JoinRequest
from webapp.api.attempt_auth import bearer
from webapp.api.ndjson import BodyTooLarge, BodyUnreadable, read_body
from webapp.api.replies import refusal, typed
from webapp.fleet.cluster import NothingToJoin
from webapp.fleet.services import MachineMisfit, TokenRefused, admit, note_refusal

MAX_BYTES = 4096


def post_join(request: HttpRequest) -> HttpResponse:
    """401 without a token, 403 with one that admits nobody, 409 where the machine or the console does not fit."""
    secret = bearer(request)
    if not secret:
        return refusal(
            401, "send the join token as `Authorization: Bearer …`; ./arpo join reads it from ARPO_JOIN_TOKEN"
        )
    ip = request.META.get("REMOTE_ADDR")
    try:
        asked = JoinRequest.model_validate_json(read_body(request, MAX_BYTES))
    except (BodyTooLarge, BodyUnreadable) as error:
        return refusal(422, str(error))
    except ValidationError as error:
        return refusal(422, f"this is no request to join: {error.errors()[0]['msg']}; use ./arpo join")
    try:
        return typed(admit(secret=secret, request=asked, ip=ip))
    except TokenRefused as error:
        note_refusal(secret=secret, request=asked, reason=str(error), ip=ip)
        return refusal(403, str(error))
    except (MachineMisfit, NothingToJoin) as error:
        note_refusal(secret=secret, request=asked, reason=str(error), ip=ip)
        return refusal(409, str(error))
