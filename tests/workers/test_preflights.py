"""Checks before queueing: asked for by a person, made by the engine, seen by that person only."""

from __future__ import annotations

import json

import pytest
from pytest_django import Settings

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.servers import GATE_VARIABLE, ServerGate, gate_in
from tests.workers.cluster import FakeCluster
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.runs.preflight import Report, passed_lately, preflight_by_id, preflight_visible_to, request_preflight
from workers import preflights

pytestmark = pytest.mark.django_db

OK = {"name": "disk", "status": "ok", "message": "plenty", "cure": ""}
BAD = {"name": "model", "status": "fail", "message": "models/x is not there", "cure": "give a folder"}


@pytest.fixture
def report(cluster: FakeCluster, runner: User, team: Team) -> Report:
    return request_preflight(owner=runner, team=team, config=RunConfig())


def step(report: Report) -> tuple[bool, Report]:
    again = preflights.advance_preflight(report.id, 9e9)
    found = preflight_by_id(report.id)
    assert found is not None
    return again, found


def test_checks_that_pass_are_shown_and_remembered(cluster: FakeCluster, report: Report) -> None:
    again, report = step(report)
    assert (again, report.state) == (True, "checking")
    assert "arpo_engine preflight" in cluster.submitted[0]["entrypoint"]
    assert step(report)[0] is True
    cluster.ends(
        f"arpo-preflight-{report.id}", "SUCCEEDED", 0, log="noise\n" + json.dumps({"ok": True, "checks": [OK]})
    )
    again, report = step(report)
    assert (again, report.ok, report.checks[0].message) == (False, True, "plenty")
    assert passed_lately(report.config_hash)


def test_checks_that_fail_are_done_but_not_ok(cluster: FakeCluster, report: Report) -> None:
    _, report = step(report)
    cluster.ends(f"arpo-preflight-{report.id}", "FAILED", 3, log=json.dumps({"ok": False, "checks": [OK, BAD]}))
    _, report = step(report)
    assert (report.state, report.ok) == ("done", False)
    assert not passed_lately(report.config_hash)


def test_a_check_that_ends_without_a_result_says_what_it_printed(cluster: FakeCluster, report: Report) -> None:
    _, report = step(report)
    cluster.ends(f"arpo-preflight-{report.id}", "FAILED", 1, log="ModuleNotFoundError: torch")
    _, report = step(report)
    assert report.state == "failed"
    assert "ModuleNotFoundError: torch" in report.message


def test_without_a_cluster_the_report_says_so_at_once(cluster: FakeCluster, report: Report) -> None:
    cluster.away = True
    again, report = step(report)
    assert (again, report.state) == (False, "failed")
    assert "does not answer" in report.message


def test_a_check_that_takes_too_long_is_ended(cluster: FakeCluster, report: Report) -> None:
    step(report)
    assert preflights.advance_preflight(report.id, 0.0) is False
    found = preflight_by_id(report.id)
    assert found is not None and "longer than three minutes" in found.message
    assert cluster.stops == [f"arpo-preflight-{report.id}"]


def test_only_who_asked_sees_the_report(report: Report, runner: User, admin: User) -> None:
    assert preflight_visible_to(runner, report.id) == report
    assert preflight_visible_to(admin, report.id) is None
    assert preflight_visible_to(runner, "unknown") is None


def test_a_viewer_may_not_ask(valkey: str, team: Team) -> None:
    from tests.web.builders import make_person
    from webapp.accounts.models import Role

    with pytest.raises(PermissionRefused):
        request_preflight(owner=make_person("vera", team, Role.VIEWER), team=team, config=RunConfig())


def test_the_checks_ask_no_server_that_the_run_may_not_ask(
    cluster: FakeCluster, report: Report, admin: User, team: Team, settings: Settings
) -> None:
    settings.MODEL_SERVERS = ("api.example.com",)
    step(report)
    step(request_preflight(owner=admin, team=team, config=RunConfig()))
    gates = [job["runtime_env"]["env_vars"][GATE_VARIABLE] for job in cluster.submitted]
    # The first was asked for before there was a list.
    assert [gate_in({GATE_VARIABLE: gate}) for gate in gates] == [
        ServerGate(),
        ServerGate(listed=("api.example.com",), anywhere=True),
    ]
