"""Who is at the engine's door: the bearer secret of one attempt of one run, and nothing else."""

from __future__ import annotations

from django.http import HttpRequest

from arpo_engine.contract.agreement import HEADER, disagreement, version_in
from arpo_engine.contract.events import WIRE_VERSION
from webapp.runs.models import RunAttempt
from webapp.runs.services.attempts import attempt_of_token


class AttemptRefused(Exception):
    """The request carries no secret of this run."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ContractDiffers(Exception):
    """The engine comes from a release that this console does not understand, or the other way round."""


def attempt_of_request(request: HttpRequest, run_id: str) -> RunAttempt:
    """The attempt whose secret the request carries.

    Raises:
        AttemptRefused: 401 without a secret, 403 with one that is not of this run (which may not exist: no telling).
    """
    secret = bearer(request)
    if not secret:
        raise AttemptRefused("send the attempt's token as `Authorization: Bearer …` (ARPO_ATTEMPT_TOKEN)", 401)
    attempt = attempt_of_token(run_id, secret)
    if attempt is None:
        raise AttemptRefused(f"this token is not of run {run_id[:20]}; each attempt has its own", 403)
    return attempt


def require_same_contract(request: HttpRequest) -> None:
    """Raise ContractDiffers unless the engine speaks this console's version of the contract, by its header."""
    named = request.headers.get(HEADER)
    version = version_in(named)
    if version is None:
        raise ContractDiffers(f"{HEADER} is {named!r}; send the number of the contract's version")
    differ = disagreement(console=WIRE_VERSION, engine=version)
    if differ is not None:
        raise ContractDiffers(differ)


def bearer(request: HttpRequest) -> str:
    """The secret of the Authorization header, or nothing."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""
