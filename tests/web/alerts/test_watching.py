"""What is an alert: told once, over when it is over, and what keeps quiet."""

from __future__ import annotations

import pytest
from django.utils import timezone

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Fault
from tests.web.alerts.chat import Chat
from tests.web.builders import make_run
from tests.web.pages.factories import Engine
from webapp.accounts.models import Team, User
from webapp.alerts.models import Alert, Route
from webapp.alerts.services import RouteRefused, send_due, set_rule
from webapp.alerts.watching import watch
from webapp.runs.models import Run, RunEvent, RunStatus

pytestmark = pytest.mark.django_db


def in_status(run: Run, status: RunStatus, reason: str = "") -> None:
    Run.objects.filter(pk=run.pk).update(status=status, status_reason=reason, status_at=timezone.now())


def test_a_lost_heartbeat_is_told_once_and_is_over_when_the_run_is_back(run: Run, hook: Route) -> None:
    in_status(run, RunStatus.LOST, "not heard from for 90 s")
    watch()
    watch()
    alert = Alert.objects.get(run=run, kind="lost")
    assert alert.text == "not heard from for 90 s"
    assert alert.ended_at is None
    assert send_due(hook.pk) == 1
    assert "Lost heartbeat" in Chat.got[0]["text"]
    assert send_due(hook.pk) == 0
    in_status(run, RunStatus.RUNNING)
    watch()
    alert.refresh_from_db()
    assert alert.ended_at is not None
    kinds = RunEvent.objects.filter(run=run, kind__startswith="Alert").order_by("cursor").values_list("kind", flat=True)
    assert list(kinds) == ["AlertRaised", "AlertEnded"]


def test_ends_and_collapses_are_news_each_once(run: Run) -> None:
    engine = Engine(run)
    engine.start()
    for signal, message in (("success", "success fell from 80 % to 20 %"), ("not_finite", "the loss is nan")):
        engine.say(
            wire.CollapseNoticed(step=3, signal=signal, value=None, bound=0.3, returned_to_step=1, message=message)
        )
    in_status(run, RunStatus.FINISHED, "All 20 steps are done")
    watch()
    watch()
    told = dict(Alert.objects.filter(run=run).values_list("kind", "text"))
    assert told == {
        "collapse": "success fell from 80 % to 20 %",
        "not_finite": "the loss is nan",
        "finished": "All 20 steps are done",
    }


def test_groups_that_teach_nothing_desktops_that_fail_and_a_full_disk_are_told(run: Run) -> None:
    engine = Engine(run)
    engine.start()
    for step in (1, 2, 3):
        engine.group(step, 0, "settings-dark-mode", [0.0, 0.0])
        engine.finish_step(step, success=0.0)
    for number in range(3):
        engine.episode(f"lost-{number}", "notes-append-milk", 3, None, fault=Fault.DESKTOP_LOST)
    engine.say(
        wire.HostSampled(host="rack-3", cpu_percent=10, cores=2, memory_used_mb=1, memory_total_mb=2, disk_free_mb=1200)
    )
    watch()
    told = dict(Alert.objects.filter(run=run, ended_at=None).values_list("kind", "text"))
    assert told["zero_gradient"].startswith("3 of 3 groups of steps 1 to 3 were rewarded alike")
    assert told["desktops"].startswith("3 of 9 episodes of the last 15 minutes were lost, mostly desktop lost")
    assert told["disk"].startswith("rack-3 has 1.2 GB of disk left")


def test_a_run_that_cannot_be_judged_does_not_keep_the_others_unwatched(
    run: Run, runner: User, team: Team, caplog: pytest.LogCaptureFixture
) -> None:
    lost = make_run(runner, team)
    engine = Engine(run)
    engine.start()
    engine.say(
        wire.CollapseNoticed(step=3, signal="success", value=None, bound=0.3, returned_to_step=1, message="it fell")
    )
    RunEvent.objects.filter(run=run, kind="CollapseNoticed").update(data=["of", "another", "shape"])
    in_status(lost, RunStatus.LOST, "its engine is silent")
    watch()
    assert "could not be watched" in caplog.text
    assert Alert.objects.filter(run=lost, kind="lost").exists()


def test_a_rule_that_is_off_or_higher_keeps_quiet(run: Run, team: Team, maintainer: User) -> None:
    in_status(run, RunStatus.LOST)
    set_rule(team=team, actor=maintainer, kind="lost", enabled=False, threshold=None)
    watch()
    assert not Alert.objects.filter(run=run).exists()
    with pytest.raises(RouteRefused, match="no number to be alerted at"):
        set_rule(team=team, actor=maintainer, kind="disk", enabled=True, threshold=-3)
    with pytest.raises(RouteRefused, match="There is no alert 'nonsense'"):
        set_rule(team=team, actor=maintainer, kind="nonsense", enabled=True, threshold=None)
