"""Checks before queueing: asked for by the form, done by an engine command where the run would run, kept for minutes.

Kept in the cache: a report is of use only as long as somebody waits for it.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from django.core.cache import cache

from arpo_engine.contract.config import RunConfig, config_hash
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.runs.model_servers import gate_for, require_servers
from webapp.runs.programs import require_programs
from webapp.runs.queue import RUN_PREFLIGHT, enqueue

KEEP_S: Final = 900
PASSED_FOR_S: Final = 600
"""A run whose config passed this lately is not checked again before it starts."""

State = Literal["waiting", "checking", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One fact about the machine and the config; `status` is ok, warn or fail."""

    name: str
    status: str
    message: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a preflight is. `failed` means that it could not be done; failed checks are in a report that is done."""

    id: str
    owner_id: int
    config: dict[str, Any]
    config_hash: str
    server_gate: str
    """Which servers the checks may ask, as the engine reads it."""
    state: State = "waiting"
    message: str = "Waiting for a worker"
    checks: tuple[Check, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is done and nothing stands in the way."""
        return self.state == "done" and all(check.status != "fail" for check in self.checks)


def request_preflight(*, owner: User, team: Team, config: RunConfig) -> Report:
    """Ask for the checks; read the report until its state is done or failed."""
    require_role(owner, team, Role.RUNNER, "check whether a run can start")
    require_programs(owner, team, config)
    require_servers(owner, team, config)
    report = Report(
        id=secrets.token_hex(8),
        owner_id=owner.pk,
        config=config.model_dump(mode="json"),
        config_hash=config_hash(config),
        server_gate=gate_for(owner, team).as_text(),
    )
    _keep(report)
    enqueue(RUN_PREFLIGHT, report.id)
    return report


def preflight_visible_to(person: User, report_id: str) -> Report | None:
    """The report, for the person who asked for it; None when it is too old."""
    report = preflight_by_id(report_id)
    return report if report is not None and report.owner_id == person.pk else None


def preflight_by_id(report_id: str) -> Report | None:
    """The report, for the workers."""
    tree = cache.get(_key(report_id))
    if tree is None:
        return None
    return Report(**{**tree, "checks": tuple(Check(**check) for check in tree["checks"])})


def advance(report: Report, *, state: State, message: str, checks: tuple[Check, ...] = ()) -> Report:
    """Write down how far it is; a config that passed is remembered for a while."""
    report = replace(report, state=state, message=message, checks=checks)
    _keep(report)
    if report.ok:
        cache.set(_passed_key(report.config_hash), True, PASSED_FOR_S)
    elif state == "done":
        cache.delete(_passed_key(report.config_hash))
    return report


def passed_lately(hash_of_config: str) -> bool:
    """Whether a run of this very config passed its checks a moment ago."""
    return bool(cache.get(_passed_key(hash_of_config)))


def _keep(report: Report) -> None:
    cache.set(_key(report.id), asdict(report), KEEP_S)


def _key(report_id: str) -> str:
    return f"preflight:{report_id}"


def _passed_key(hash_of_config: str) -> str:
    return f"preflight-passed:{hash_of_config}"
