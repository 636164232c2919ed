"""The fleet page: what it shows, who may not see it, what may be ordered by whom, and what becomes of bad input."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from arpo_engine.contract.events import HostSampled
from arpo_engine.contract.fleet import DesktopPhase, OrderOutcome
from arpo_engine.contract.outcomes import Fault
from tests.web.builders import fleet, seen
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import AuditEntry, Team, User
from webapp.fleet.models import Desktop, Machine, Order
from webapp.runs.models import RunAttempt


@pytest.fixture
def engine(runner: User, team: Team) -> Engine:
    """An engine with an episode under way on one desktop, a spare one, and one that was lost before."""
    engine = Engine(titled_run(runner, team, "Live run"))
    engine.start()
    engine.episode("a1-now", "mail-send-anna", 1, None, shade=1, ends=False)
    engine.say(
        fleet(
            seen("pocket-0/0", DesktopPhase.ACTING, task_id="mail-send-anna", episode_id="a1-now", step=3),
            seen("pocket-0/1"),
            seen(
                "pocket-1/0",
                DesktopPhase.RESTARTING,
                failures={Fault.DESKTOP_STUCK: 2, Fault.SETUP_FAILED: 1},
                note="did not answer a reset within 30 s",
            ),
        )
    )
    return engine


def page(client: Client, query: str = "") -> str:
    response = client.get(f"/fleet/{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_each_desktop_tells_phase_task_step_and_its_newest_screenshot(as_runner: Client, engine: Engine) -> None:
    shown = page(as_runner)
    assert "pocket-0/0" in shown
    assert "#click" in shown and "acting" in shown
    assert "Send a mail to anna@example.org" in shown
    assert "step <b>4</b>" in shown
    assert f"/api/v1/runs/{engine.run.pk}/frames/" in shown
    assert f"/runs/{engine.run.pk}/episodes/a1-now/" in shown
    assert "did not answer a reset within 30 s" in shown


def test_a_desktop_that_sleeps_says_when_it_is_started(as_runner: Client, engine: Engine) -> None:
    engine.say(fleet(seen("pocket-2/0", DesktopPhase.ASLEEP, machine="", note="not started, as fewer are needed now")))
    shown = page(as_runner)
    assert "#moon" in shown and "asleep" in shown
    assert "not started, as fewer are needed now" in shown


def test_phases_and_failures_are_counted_by_kind(as_runner: Client, engine: Engine) -> None:
    text = " ".join(page(as_runner).split())
    assert "<b>3</b> desktops" in text
    assert "desktop stuck" in text and "setup failed" in text
    assert "<b>2</b> <span" in text  # of desktop_stuck


def test_desktops_of_other_teams_are_never_there(as_stranger: Client, engine: Engine) -> None:
    assert "pocket-0" not in page(as_stranger)
    assert "No desktops now" in page(as_stranger)
    desktop = Desktop.objects.get(name="pocket-0/0")
    for action in ("restart", "quarantine", "release"):
        assert as_stranger.post(f"/fleet/desktops/{desktop.pk}/{action}/").status_code == 404
    assert as_stranger.post("/fleet/machines/drain/", {"machine": "bench-1"}).status_code == 302
    assert not Order.objects.exists()


def test_nobody_sees_the_fleet_without_signing_in(client: Client, engine: Engine) -> None:
    assert client.get("/fleet/").status_code == 302
    assert client.post("/fleet/machines/drain/", {"machine": "bench-1"}).status_code == 302
    assert not Order.objects.exists()


def test_filters_and_order_are_in_the_address(as_runner: Client, engine: Engine) -> None:
    assert "pocket-0/1" not in page(as_runner, "?phase=acting")
    assert "pocket-0/0" in page(as_runner, "?phase=acting&view=table")
    assert "No desktop matches" in page(as_runner, "?phase=scoring")
    assert "pocket-0/0" not in page(as_runner, "?run=nosuchrun")
    assert "pocket-1/0" in page(as_runner, "?phase=nonsense&view=nonsense&sort=nonsense")
    table = page(as_runner, "?view=table&sort=-failures")
    assert table.index(">pocket-1/0<") < table.index(">pocket-0/0<")
    table = page(as_runner, "?view=table&sort=step")
    assert table.index(">pocket-0/0<") < table.index(">pocket-0/1<")  # those without a step come last


def test_the_longest_in_a_phase_comes_first_by_falling_age(as_runner: Client, engine: Engine) -> None:
    engine.say(fleet(seen("pocket-0/1", since=datetime.now(UTC) - timedelta(hours=1))))
    table = page(as_runner, "?view=table&sort=-age")
    assert table.index(">pocket-0/1<") < table.index(">pocket-0/0<")
    table = page(as_runner, "?view=table&sort=age")
    assert table.index(">pocket-0/1<") > table.index(">pocket-0/0<")


def test_machines_tell_their_load_and_desktops(as_runner: Client, engine: Engine) -> None:
    assert "not sampled" in page(as_runner, "?view=machines")
    engine.say(
        HostSampled(
            host="bench-1", cpu_percent=172.0, cores=2, memory_used_mb=5100, memory_total_mb=16000, disk_free_mb=90000
        )
    )
    shown = page(as_runner, "?view=machines")
    assert "bench-1" in shown
    assert "172 % of 2 cores" in shown
    assert "5.1 GB of 16.0 GB" in shown


def test_what_a_person_orders_waits_for_the_engine_and_is_audited_once(
    as_runner: Client, runner: User, engine: Engine
) -> None:
    desktop = Desktop.objects.get(name="pocket-0/0")
    for _ in range(2):
        answer = as_runner.post(f"/fleet/desktops/{desktop.pk}/restart/", {"query": "view=table"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/fleet/?view=table")
    (order,) = Order.objects.all()
    assert (order.action, order.target, order.state, order.asked_by) == ("restart", "pocket-0/0", "waiting", runner)
    (entry,) = AuditEntry.objects.filter(action="desktop.restart")
    assert (entry.actor, entry.object_id, entry.data["target"]) == (runner, engine.run.pk, "pocket-0/0")
    assert "restart ordered" in page(as_runner)
    outcome = OrderOutcome(id=str(order.pk), done=True, message="it is started again")
    engine.say(fleet(orders=[outcome]))
    assert "restart ordered" not in page(as_runner)


def test_an_order_that_an_ended_attempt_never_heard_is_not_said_of_the_next_one(
    as_runner: Client, engine: Engine, runner: User
) -> None:
    desktop = Desktop.objects.get(name="pocket-0/0")
    as_runner.post(f"/fleet/desktops/{desktop.pk}/restart/")
    as_runner.post("/fleet/machines/drain/", {"machine": "bench-1"})
    assert "restart ordered" in page(as_runner) and "drain ordered" in page(as_runner, "?view=machines")
    RunAttempt.objects.update(state=RunAttempt.State.ENDED)
    RunAttempt.objects.create(run=engine.run, number=2, state=RunAttempt.State.RUNNING)
    Desktop.objects.update(attempt=2)
    Machine.objects.update(attempt=2)
    assert "pocket-0/0" in page(as_runner) and "ordered" not in page(as_runner)
    assert "bench-1" in page(as_runner, "?view=machines") and "ordered" not in page(as_runner, "?view=machines")


def test_words_that_no_database_takes_are_refused_before_they_reach_it(as_runner: Client, engine: Engine) -> None:
    for word in ("run", "machine", "phase"):
        assert as_runner.get("/fleet/", {word: "a\0b"}).status_code == 400
    script = {"HX-Request": "true"}
    assert as_runner.post("/fleet/machines/drain/", {"machine": "a\0b"}, headers=script).status_code == 409


def test_a_script_gets_the_board_as_it_was_looked_at(as_runner: Client, engine: Engine) -> None:
    desktop = Desktop.objects.get(name="pocket-0/0")
    answer = as_runner.post(
        f"/fleet/desktops/{desktop.pk}/quarantine/", {"query": "view=table"}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert "taken%20out" in answer.headers["X-Said"]
    shown = answer.content.decode()
    assert "<html" not in shown and "<table" in shown and "view=table" in shown


def test_a_machine_is_drained_for_each_live_run_of_the_team(
    as_runner: Client, engine: Engine, runner: User, team: Team
) -> None:
    other = Engine(titled_run(runner, team, "Another run"))
    other.start()
    other.say(fleet(seen("pocket-0/0")))
    assert as_runner.post("/fleet/machines/drain/", {"machine": "bench-1"}).status_code == 302
    assert set(Order.objects.values_list("run", "action", "target")) == {
        (engine.run.pk, "drain", "bench-1"),
        (other.run.pk, "drain", "bench-1"),
    }


def test_a_viewer_sees_everything_and_orders_nothing(as_viewer: Client, engine: Engine) -> None:
    shown = page(as_viewer)
    assert "pocket-0/0" in shown
    assert "Restart" not in shown
    assert "Drain" not in page(as_viewer, "?view=machines")
    desktop = Desktop.objects.get(name="pocket-0/0")
    script = {"HX-Request": "true"}
    answer = as_viewer.post(f"/fleet/desktops/{desktop.pk}/restart/", headers=script)
    assert answer.status_code == 403
    assert "runner" in answer.headers["X-Said"]
    assert as_viewer.post("/fleet/machines/drain/", {"machine": "bench-1"}, headers=script).status_code == 403
    assert not Order.objects.exists()
    assert not AuditEntry.objects.filter(action__startswith="desktop.").exists()


def test_orders_that_make_no_sense_are_refused_by_name(as_runner: Client, engine: Engine) -> None:
    desktop = Desktop.objects.get(name="pocket-0/0")
    script = {"HX-Request": "true"}
    assert as_runner.post(f"/fleet/desktops/{desktop.pk}/explode/").status_code == 404
    assert as_runner.post(f"/fleet/desktops/{desktop.pk}/drain/", headers=script).status_code == 409
    assert as_runner.post("/fleet/machines/restart/", {"machine": "bench-1"}, headers=script).status_code == 409
    assert as_runner.post("/fleet/machines/drain/", {"machine": "nowhere"}, headers=script).status_code == 409
    assert as_runner.post("/fleet/machines/drain/", headers=script).status_code == 409
    assert as_runner.get(f"/fleet/desktops/{desktop.pk}/restart/").status_code == 405
    assert not Order.objects.exists()


def test_desktops_leave_with_their_attempt(as_runner: Client, engine: Engine) -> None:
    desktop = Desktop.objects.get(name="pocket-0/0")
    engine.end()
    assert "No desktops now" in page(as_runner)
    assert as_runner.post(f"/fleet/desktops/{desktop.pk}/restart/").status_code == 404


def test_an_engine_that_fell_silent_is_told_of(as_runner: Client, engine: Engine) -> None:
    assert "not heard from" not in page(as_runner)
    RunAttempt.objects.update(last_event_at=timezone.now() - timedelta(minutes=2))
    assert page(as_runner).count("not heard from") == 3


def test_an_empty_fleet_says_why_and_what_to_do(as_runner: Client, runner: User, team: Team) -> None:
    assert "No desktops now" in page(as_runner)
    engine = Engine(titled_run(runner, team, "Coming"))
    engine.start()
    shown = page(as_runner)
    assert "Desktops are being started" in shown and "Coming" in shown


def test_names_from_an_engine_are_shown_as_text(as_runner: Client, engine: Engine) -> None:
    engine.say(fleet(seen("<script>alert(1)</script>", note="<b>bold</b>", task_id="<i>")))
    for view in ("grid", "table", "machines"):
        assert "<script>alert(1)" not in page(as_runner, f"?view={view}")


def test_many_desktops_are_shown_up_to_a_bound(
    as_runner: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.fleet.selectors.desktops.MOST_SHOWN", 2)
    assert "The first 2 of 3 are shown" in page(as_runner)


def test_the_page_asks_the_database_no_more_often_for_many_desktops(
    as_runner: Client, engine: Engine, django_assert_max_num_queries: Callable[..., AbstractContextManager[Any]]
) -> None:
    with CaptureQueriesContext(connection) as few:
        page(as_runner)
    for place in range(20):
        engine.episode(f"a1-m{place}", "mail-send-anna", 1, None, shade=place, ends=False)
    leased = [
        seen(
            f"pocket-2/{place}",
            DesktopPhase.ACTING,
            episode_id=f"a1-m{place}",
            step=1,
            failures={Fault.DESKTOP_LOST: 1},
        )
        for place in range(20)
    ]
    engine.say(fleet(*leased))
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert page(as_runner).count("<img") == 21
