"""What teams are alerted of: told once, over when it is over, sent together, and never to an address inside."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Fault
from tests.web.builders import make_person, make_run, make_team
from tests.web.pages.factories import Engine
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.alerts import outward
from webapp.alerts.models import Alert, Delivery, Route
from webapp.alerts.outward import Unreachable, check_url, post_json
from webapp.alerts.services import RouteRefused, add_route, mute_run, raise_alert, send_due, set_rule, try_route
from webapp.alerts.services.sending import MOST_MESSAGES, MOST_TRIES
from webapp.alerts.watching import watch
from webapp.runs.models import Run, RunEvent, RunStatus

pytestmark = pytest.mark.django_db


class Chat(BaseHTTPRequestHandler):
    """A webhook's other end: keeps what it gets, and answers as it is told to."""

    got: ClassVar[list[dict[str, Any]]] = []
    status = 200
    silent: ClassVar[threading.Event] = threading.Event()
    hangs = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.hangs:
            self.silent.wait(30)
        type(self).got.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a chat on this machine, which the console is told that it may reach."""
    monkeypatch.setenv(outward.OPEN_HOSTS, "127.0.0.1")
    Chat.got, Chat.status, Chat.hangs = [], 200, False
    Chat.silent.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook/s3cr3t"
    Chat.silent.set()
    server.shutdown()


@pytest.fixture
def maintainer(team: Team) -> User:
    return make_person("mai", team, Role.MAINTAINER)


@pytest.fixture
def run(runner: User, team: Team) -> Run:
    return make_run(runner, team)


@pytest.fixture
def hook(team: Team, maintainer: User, chat: str) -> Route:
    return add_route(team=team, actor=maintainer, way="webhook", label="#arpo", address=chat, kinds=[])


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


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_refusal_or_another_way_is_no_success(status: int, chat: str) -> None:
    Chat.status = status
    with pytest.raises(Unreachable, match=f"answered {status}"):
        post_json(chat, {"text": "x"})
    assert len(Chat.got) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example.org/x", "over http"),
        ("ftp://example.org/x", "no web address"),
        ("https://user:word@example.org/x", "a user or a password"),
        ("https://example.org:22/x", "port 22"),
        ("https://example.org:99999/x", "no number from 1 to 65535"),
        ("https:///x", "no web address"),
        ("https://[", "its host cannot be read"),
        ("https://hooks.example.org/services/a b", "holds a blank"),
        ("https://hooks.example.org/\u00fc", "none of ASCII"),
    ],
)
def test_an_address_to_which_nothing_is_sent_is_refused_with_the_cure(url: str, words: str) -> None:
    with pytest.raises(Unreachable, match=words):
        check_url(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "169.254.169.254", "10.0.0.8", "[::1]", "0.0.0.0", "224.0.0.1",
        "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:a00:1::]", "[fec0::1]", "[ff02::1]",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_an_address_inside(host: str) -> None:
    with pytest.raises(Unreachable, match="an address inside a network"):
        post_json(f"https://{host}/x", {"text": "x"})


def test_a_host_that_no_name_can_be_is_told_and_no_crash() -> None:
    with pytest.raises(Unreachable, match="no name that a host can have"):
        post_json("https://hooks..example.org/x", {"text": "x"})


@pytest.mark.parametrize("slowly", [b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 999, b"x" * 999])
def test_an_answer_that_comes_byte_by_byte_is_cut_off_by_the_clock(
    slowly: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(outward.OPEN_HOSTS, "127.0.0.1")
    monkeypatch.setattr(outward, "DEADLINE_S", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            there, _ = server.accept()
            with there, suppress(OSError):
                for byte in slowly:
                    there.send(bytes([byte]))
                    if over.wait(0.05):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        with suppress(Unreachable):
            post_json(f"http://127.0.0.1:{server.getsockname()[1]}/hook", {"text": "x"})
        took = time.monotonic() - began
        over.set()
        thread.join()
    assert took < 5, "a thousand bytes would take 50 seconds"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hooks.example.org/services/T0/B0/abcdefgh", "https://hooks.example.org/…efgh"),
        ("https://hooks.example.org?token=s3cr3t", "https://hooks.example.org/…"),
        ("https://hooks.example.org/s3cr", "https://hooks.example.org/…"),
    ],
)
def test_no_more_of_a_webhooks_address_is_shown_than_tells_it_from_others(address: str, shown: str) -> None:
    assert Route(way=Route.Way.WEBHOOK, address=address).shown == shown


def test_a_name_that_points_inside_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.168.1.5", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    with pytest.raises(Unreachable, match=r"rebind.example.org is 192\.168\.1\.5"):
        post_json("https://rebind.example.org/x", {"text": "x"})


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


def test_only_maintainers_change_what_is_sent_and_strangers_find_nothing(
    team: Team, viewer: User, runner: User, stranger: User, hook: Route, client: Client
) -> None:
    with pytest.raises(PermissionRefused):
        set_rule(team=team, actor=runner, kind="lost", enabled=False, threshold=None)
    for person, status in ((viewer, 403), (runner, 403), (stranger, 404)):
        client.force_login(person)
        assert client.post(f"/alerts/routes/{hook.pk}/remove/").status_code == status
        assert client.post(f"/alerts/routes/{hook.pk}/test/").status_code == status
    assert Route.objects.filter(pk=hook.pk).exists()
    assert Chat.got == []


def test_many_alerts_come_in_pages_what_lasts_apart_from_what_is_over(
    run: Run, team: Team, runner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.alerts.selectors.PAGE_SIZE", 2)
    for kind in ("lost", "collapse", "not_finite", "zero_gradient", "disk"):
        raise_alert(team=team, run=run, kind=kind, text=f"about {kind}")
    Alert.objects.filter(kind__in=["zero_gradient", "disk"]).update(ended_at=timezone.now())
    client = Client()
    client.force_login(runner)

    def told(address: str) -> list[str]:
        page = client.get(address).content.decode()
        kinds = ("lost", "collapse", "not_finite", "zero_gradient", "disk")
        return [kind for kind in kinds if f"<p>about {kind}</p>" in page]

    assert told("/alerts/") == ["collapse", "not_finite", "zero_gradient", "disk"]
    first = client.get("/alerts/").content.decode()
    assert 'href="/alerts/?open=2" rel="next"' in first and "Pages of what is over" not in first
    assert told("/alerts/?open=2") == ["lost", "zero_gradient", "disk"]
    assert 'href="/alerts/?open=1" rel="prev"' in client.get("/alerts/?open=2").content.decode()
    assert told("/alerts/?open=99") == ["zero_gradient", "disk"]
    assert "These are over by now." in client.get("/alerts/?open=99").content.decode()
    for nonsense in ("0", "-1", "x", "9" * 40):
        assert told(f"/alerts/?open={nonsense}") == told("/alerts/")


def test_the_page_shows_what_is_open_and_the_bell_counts_what_nobody_saw(
    run: Run, team: Team, viewer: User, stranger: User, hook: Route, client: Client
) -> None:
    raise_alert(team=team, run=run, kind="lost", text="<b>silent</b>")
    client.force_login(viewer)
    page = client.get("/alerts/").content.decode()
    assert "&lt;b&gt;silent&lt;/b&gt;" in page
    assert "s3cr3t" not in page
    assert 'data-unseen="1"' in client.get("/alerts/bell/").content.decode()
    client.post("/alerts/seen/")
    assert 'data-unseen="0"' in client.get("/alerts/bell/").content.decode()
    client.force_login(stranger)
    assert "silent" not in client.get("/alerts/").content.decode()


@pytest.mark.parametrize(
    ("where", "form"),
    [
        ("/alerts/rules/", {"kind": "nonsense"}),
        ("/alerts/rules/", {"kind": "disk", "threshold": "many"}),
        ("/alerts/routes/add/", {"way": "pigeon", "label": "x", "address": "y"}),
        ("/alerts/routes/add/", {"way": "webhook", "label": "x", "address": "https://127.0.0.1:22/"}),
        ("/alerts/routes/add/", {}),
    ],
)
def test_forms_that_cannot_be_read_are_answered_with_what_is_wrong(
    where: str, form: dict[str, str], maintainer: User, client: Client
) -> None:
    client.force_login(maintainer)
    assert client.post(where, form).status_code == 422
    assert not Route.objects.exists()


def test_two_teams_are_told_of_their_own_runs_only(run: Run, hook: Route) -> None:
    blues, admin = make_team("Violets")
    raise_alert(team=blues, run=make_run(admin, blues), kind="lost", text="silent")
    assert send_due(hook.pk) == 0
