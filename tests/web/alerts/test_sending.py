"""How alerts leave the console: together, tried again, by chat and by mail, to nobody else."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from tests.web.alerts.chat import Chat
from tests.web.builders import make_run, make_team
from webapp.accounts.models import AuditEntry, Team, User
from webapp.alerts import outward
from webapp.alerts.models import Alert, Delivery, Route
from webapp.alerts.services import RouteRefused, add_route, mute_run, raise_alert, send_due, try_route
from webapp.alerts.services.sending import MOST_MESSAGES, MOST_TRIES
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def test_many_alerts_at_once_are_one_message_and_many_messages_wait(team: Team, runner: User, hook: Route) -> None:
    for number in range(13):
        raise_alert(team=team, run=make_run(runner, team, name=f"run {number}"), kind="lost", text="silent")
    assert send_due(hook.pk) == 13
    assert len(Chat.got) == 1
    assert "… and 3 more" in Chat.got[0]["text"]
    for _ in range(MOST_MESSAGES + 3):
        raise_alert(team=team, run=make_run(runner, team), kind="lost", text="silent")
        send_due(hook.pk)
    assert len(Chat.got) == MOST_MESSAGES
    assert Delivery.objects.filter(state="waiting").count() == 4
    Delivery.objects.update(sent_at=timezone.now() - timedelta(minutes=11))
    assert send_due(hook.pk) == 4


def test_a_name_cannot_call_a_whole_channel(team: Team, runner: User, hook: Route) -> None:
    raise_alert(team=team, run=make_run(runner, team, name="<!channel> & more"), kind="lost", text="silent")
    send_due(hook.pk)
    assert "&lt;!channel&gt; &amp; more" in Chat.got[0]["text"]


def test_a_webhook_that_hangs_is_left_after_five_seconds_and_tried_again(
    run: Run, team: Team, hook: Route, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outward, "DEADLINE_S", 0.5)
    Chat.hangs = True
    raise_alert(team=team, run=run, kind="lost", text="silent")
    began = time.monotonic()
    assert send_due(hook.pk) == 0
    assert time.monotonic() - began < 5
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("waiting", 1)
    assert "timed out" in delivery.answer
    assert delivery.due_at > timezone.now()
    for _ in range(MOST_TRIES - 1):
        Delivery.objects.update(due_at=timezone.now())
        send_due(hook.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == ("failed", MOST_TRIES)
    hook.refresh_from_db()
    assert not hook.last_worked


def test_mail_is_sent_where_there_is_a_server_and_refused_with_the_cure_where_not(
    run: Run, team: Team, maintainer: User, settings: Settings
) -> None:
    with pytest.raises(RouteRefused, match="ARPO_SMTP_HOST"):
        add_route(team=team, actor=maintainer, way="email", label="me", address="ana@example.org", kinds=[])
    settings.EMAIL_HOST = "smtp.example.org"
    with pytest.raises(RouteRefused, match="no e-mail address"):
        add_route(team=team, actor=maintainer, way="email", label="me", address="ana", kinds=[])
    route = add_route(team=team, actor=maintainer, way="email", label="me", address="ana@example.org", kinds=["lost"])
    raise_alert(team=team, run=run, kind="disk", text="full")
    raise_alert(team=team, run=run, kind="lost", text="silent\nBcc: all@example.org")
    assert send_due(route.pk) == 1
    (letter,) = mail.outbox
    assert letter.to == ["ana@example.org"]
    assert "\n" not in letter.subject
    assert f"/runs/{run.pk}/" in letter.body


def test_a_muted_run_stands_on_the_page_but_is_not_sent(run: Run, team: Team, runner: User, hook: Route) -> None:
    mute_run(run=run, actor=runner, lasting=timedelta(hours=1))
    raise_alert(team=team, run=run, kind="lost", text="silent")
    assert Alert.objects.filter(run=run).exists()
    assert not Delivery.objects.exists()


def test_a_test_message_says_what_came_of_it_and_is_audited(team: Team, maintainer: User, hook: Route) -> None:
    assert try_route(route=hook, actor=maintainer) == "200 OK ok"
    assert "A test from mai" in Chat.got[0]["text"]
    assert AuditEntry.objects.filter(action="alert_route.tested").exists()


def test_two_teams_are_told_of_their_own_runs_only(run: Run, hook: Route) -> None:
    blues, admin = make_team("Violets")
    raise_alert(team=blues, run=make_run(admin, blues), kind="lost", text="silent")
    assert send_due(hook.pk) == 0
