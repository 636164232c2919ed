"""Which kinds of desktops come up where runs run, and why the others do not: a preflight of each, kept for minutes.

The preflight is the one of the new-run form: an engine command that starts one desktop. Nothing is kept but its report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.core.cache import cache

from arpo_engine.contract.config import RunConfig
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.runs.preflight import KEEP_S, Report, preflight_by_id, request_preflight
from webapp.tryouts.choices import SHIPPED, shipped_sets
from webapp.tryouts.configuring import DESKTOPS

ALWAYS: Final = "pocket"
"""Needs nothing but the engine, so nothing has to be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of desktop as the picker shows it."""

    kind: str
    title: str
    story: str
    state: str
    """`usable`, `unusable`, `checking`, or `unknown` while nobody has looked."""
    why: str = ""

    @property
    def usable(self) -> bool:
        """Whether it may be chosen: also while nobody knows, since the run's own preflight says it again."""
        return self.state != "unusable"


def kinds() -> list[Kind]:
    """All kinds, with what is known of them now."""
    return [_kind(name) for name in DESKTOPS]


def check_kinds(person: User, team: Team, *, only: str = "") -> None:
    """Have all kinds looked at anew; or `only` one, if nothing is known of it. Each is a process where runs run.

    Raises:
        PermissionRefused: the person is no runner of the team.
    """
    require_role(person, team, Role.RUNNER, "look which desktops come up")
    for name in DESKTOPS:
        if name == ALWAYS or (only and (name != only or _report(name) is not None)):
            continue
        report = request_preflight(owner=person, team=team, config=_config(name))
        cache.set(_key(name), report.id, KEEP_S)


def _kind(name: str) -> Kind:
    title, story = DESKTOPS[name]
    state, why = ("usable", "") if name == ALWAYS else _verdict(_report(name))
    return Kind(kind=name, title=title, story=story, state=state, why=why)


def _verdict(report: Report | None) -> tuple[str, str]:
    if report is None:
        return "unknown", ""
    if report.state in ("waiting", "checking"):
        return "checking", ""
    if report.state == "failed":
        return "unknown", report.message
    failed = [check for check in report.checks if check.status == "fail"]
    if not failed:
        return "usable", ""
    return "unusable", "; ".join(f"{one.message}{f' ({one.cure})' if one.cure else ''}" for one in failed)


def _report(name: str) -> Report | None:
    report_id = cache.get(_key(name))
    return preflight_by_id(report_id) if report_id else None


def _config(name: str) -> RunConfig:
    """A run that needs no model: its desktop is what is looked at."""
    tasks = next((one.settings for one in shipped_sets() if not one.pocket), {"source": f"{SHIPPED}/pocket"})
    tree = {
        "kind": "evaluate",
        "title": f"Is a {name} desktop usable?",
        "generator": {"kind": "oracle"},
        "tasks": tasks,
        "desktops": {"kind": name, "count": 1},
    }
    return RunConfig.model_validate(tree)


def _key(name: str) -> str:
    return f"tryout-desktop:{name}"
