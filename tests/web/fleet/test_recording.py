"""Desktops through the engine's door: rows of what is there, and orders in the answers until their outcome is heard."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from arpo_engine.contract.events import HostSampled
from arpo_engine.contract.fleet import DesktopPhase, OrderAction, OrderOutcome
from arpo_engine.contract.outcomes import Fault
from tests.web.builders import envelopes, fleet, make_attempt, make_run, seen, started
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.fleet.models import Desktop, Machine, Order
from webapp.fleet.services import OrderRefused, order_desktop, order_machine
from webapp.runs.models import Run, RunAttempt, RunEvent, RunStatus

pytestmark = pytest.mark.django_db


def desktop(name: str = "pocket-0/0") -> Desktop:
    return Desktop.objects.select_related("run__team").get(name=name)


def second_attempt(run: Run) -> str:
    """The secret of the attempt that goes on with the run."""
    Run.objects.filter(pk=run.pk).update(status=RunStatus.QUEUED)
    return make_attempt(run)[1]


def test_the_last_word_about_each_desktop_counts(post: Any, run: Run) -> None:
    first, second = seen("pocket-0/0"), seen("pocket-0/1")
    acting = seen("pocket-0/0", DesktopPhase.ACTING, episode_id="e", step=2, failures={Fault.DESKTOP_LOST: 2})
    post(envelopes([started(), fleet(first, second), fleet(acting)]))
    rows = Desktop.objects.filter(run=run).order_by("name")
    assert [(row.name, row.phase, row.step, row.failures_count) for row in rows] == [
        ("pocket-0/0", "acting", 2, 2),
        ("pocket-0/1", "spare", None, 0),
    ]
    assert rows[0].failures == {"desktop_lost": 2}


def test_a_later_batch_changes_only_what_it_names_and_one_that_comes_twice_changes_nothing(post: Any, run: Run) -> None:
    lines = envelopes([started(), fleet(seen("pocket-0/0"), seen("pocket-0/1"))])
    post(lines)
    later = envelopes([fleet(seen("pocket-0/1", DesktopPhase.SCORING))], first_seq=3)
    post(later)
    post(lines)
    post(later)
    assert dict(Desktop.objects.values_list("name", "phase")) == {"pocket-0/0": "spare", "pocket-0/1": "scoring"}


def test_what_was_expected_and_did_not_come_leaves_with_the_first_whole_word(post: Any, run: Run) -> None:
    coming = [seen(f"pocket-0/{number}", DesktopPhase.STARTING, machine="") for number in range(4)]
    post(envelopes([started(), fleet(*coming)]))
    assert Desktop.objects.count() == 4
    whole = fleet(seen("pocket-0/0"), seen("pocket-0/1")).model_copy(update={"whole": True})
    post(envelopes([whole, fleet(seen("pocket-1/0"))], first_seq=3))
    assert set(Desktop.objects.values_list("name", flat=True)) == {"pocket-0/0", "pocket-0/1", "pocket-1/0"}


def test_the_log_of_events_keeps_no_hundred_desktops(post: Any, run: Run) -> None:
    post(envelopes([started(), fleet(*(seen(f"pocket-0/{number}") for number in range(100)))]))
    event = RunEvent.objects.get(run=run, kind="DesktopsSeen")
    assert "desktops" not in event.data


def test_each_attempt_has_desktops_of_its_own(post: Any, run: Run) -> None:
    post(envelopes([started(), fleet(seen("pocket-0/0", DesktopPhase.GONE))]))
    secret = second_attempt(run)
    post(envelopes([started(), fleet(seen("pocket-0/0"))], attempt=2), secret=secret)
    assert list(Desktop.objects.order_by("attempt").values_list("attempt", "phase")) == [(1, "gone"), (2, "spare")]


def test_a_machine_has_its_newest_load_and_whether_it_drains(post: Any, run: Run) -> None:
    sample = HostSampled(host="bench-1", cpu_percent=50.0, cores=4, memory_used_mb=1, memory_total_mb=2, disk_free_mb=3)
    post(envelopes([started(), fleet(seen("pocket-0/0"), draining=True), sample]))
    (machine,) = Machine.objects.filter(run=run)
    assert (machine.name, machine.draining, machine.cpu_percent, machine.cores) == ("bench-1", True, 50.0, 4)
    post(envelopes([fleet(draining=False)], first_seq=4))
    machine.refresh_from_db()
    assert (machine.draining, machine.cpu_percent) == (False, 50.0)


def test_text_that_the_database_cannot_hold_is_mended(post: Any, run: Run) -> None:
    odd = seen("pocket-1/\x00", machine="m\x00", process="p\x00", episode_id="e\x00")
    sample = HostSampled(host="m\x00", cpu_percent=1, cores=1, memory_used_mb=1, memory_total_mb=2, disk_free_mb=3)
    answer = post(envelopes([started(), fleet(seen("pocket-0/0", note="a\x00b", task_id="t" * 900), odd), sample]))
    assert answer.status_code == 200
    assert desktop().note == "a\ufffdb"
    assert desktop("pocket-1/\ufffd").machine == "m\ufffd"


def test_an_order_is_in_every_answer_until_its_outcome_is_heard(post: Any, run: Run, runner: User) -> None:
    assert post(envelopes([started(), fleet(seen("pocket-0/0"))])).json()["orders"] == []
    order_desktop(desktop=desktop(), action=OrderAction.RESTART, actor=runner)
    order = Order.objects.get()
    sent = [{"id": str(order.pk), "action": "restart", "target": "pocket-0/0"}]
    assert post(b"").json()["orders"] == sent
    assert post(b"").json()["orders"] == sent
    refused = OrderOutcome(id=str(order.pk), done=False, message="it is the last one")
    assert post(envelopes([fleet(orders=[refused])], first_seq=3)).json()["orders"] == []
    order.refresh_from_db()
    assert (order.state, order.outcome) == ("refused", "it is the last one")


def test_asking_twice_orders_once_and_again_after_the_outcome(post: Any, run: Run, runner: User, team: Team) -> None:
    post(envelopes([started(), fleet(seen("pocket-0/0"))]))
    for _ in range(3):
        order_machine(name="bench-1", team=team, action=OrderAction.DRAIN, actor=runner)
    order = Order.objects.get()
    post(envelopes([fleet(orders=[OrderOutcome(id=str(order.pk), done=True)])], first_seq=3))
    order_machine(name="bench-1", team=team, action=OrderAction.DRAIN, actor=runner)
    assert Order.objects.count() == 2


def test_an_engine_settles_only_orders_of_its_own_attempt(
    post: Any, run: Run, runner: User, engine: tuple[RunAttempt, str]
) -> None:
    other = make_run(runner, run.team)
    attempt, _ = make_attempt(other)
    Desktop.objects.create(
        run=other, attempt=attempt.number, name="d", machine="m", phase="spare", since=datetime.now(UTC)
    )
    order_desktop(desktop=desktop("d"), action=OrderAction.RESTART, actor=runner)
    order = Order.objects.get()
    lies = [OrderOutcome(id=name, done=True) for name in (str(order.pk), "x", "-1", "9" * 40, "²")]
    assert post(envelopes([started(), fleet(orders=lies)])).status_code == 200
    order.refresh_from_db()
    assert order.state == "waiting"
    assert post(b"").json()["orders"] == []


def test_orders_die_with_their_attempt(post: Any, run: Run, runner: User) -> None:
    post(envelopes([started(), fleet(seen("pocket-0/0"))]))
    order_desktop(desktop=desktop(), action=OrderAction.RESTART, actor=runner)
    secret = second_attempt(run)
    assert post(b"", secret=secret).json()["orders"] == []


def test_a_viewer_and_a_stranger_are_refused(post: Any, run: Run, viewer: User, stranger: User, team: Team) -> None:
    post(envelopes([started(), fleet(seen("pocket-0/0"))]))
    for person in (viewer, stranger):
        with pytest.raises(PermissionRefused, match="runner"):
            order_desktop(desktop=desktop(), action=OrderAction.RESTART, actor=person)
        with pytest.raises(PermissionRefused, match="runner"):
            order_machine(name="bench-1", team=team, action=OrderAction.DRAIN, actor=person)
    assert not Order.objects.exists()


def test_nothing_is_ordered_of_what_is_over(post: Any, run: Run, runner: User) -> None:
    post(envelopes([started(), fleet(seen("pocket-0/0"))]))
    row = desktop()
    RunAttempt.objects.update(state=RunAttempt.State.LOST)
    with pytest.raises(OrderRefused, match="gone with its attempt"):
        order_desktop(desktop=row, action=OrderAction.RESTART, actor=runner)
