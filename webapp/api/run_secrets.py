"""An engine fetches the secrets that its run's config names, by this call alone, so that no job and no log has them."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from arpo_engine.contract.secrets import SecretsAnswer
from webapp.api.attempt_auth import AttemptRefused, attempt_of_request
from webapp.api.replies import refusal, typed
from webapp.runs.models import RunAttempt
from webapp.runs.services.secrets import give_secrets

ALIVE = (RunAttempt.State.STARTING, RunAttempt.State.RUNNING)


def get_secrets(request: HttpRequest, run_id: str) -> HttpResponse:
    """The values, to an attempt that is alive; 401, 403 or 409 to anybody else."""
    try:
        attempt = attempt_of_request(request, run_id)
    except AttemptRefused as error:
        return refusal(error.status, str(error))
    if attempt.state not in ALIVE:
        return refusal(409, f"attempt {attempt.number} has ended, and what has ended gets no secrets")
    response = typed(SecretsAnswer(values=give_secrets(attempt, ip=request.META.get("REMOTE_ADDR"))))
    response["Cache-Control"] = "no-store"
    return response
