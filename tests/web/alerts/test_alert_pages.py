"""The pages of alerts: what is open, what is over, who may change what is sent."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.alerts.chat import Chat
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.alerts.models import Alert, Route
from webapp.alerts.services import raise_alert, set_rule
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


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
