"""Machines join by a token that an administrator of the console made: who may make one, what machines are told."""

from __future__ import annotations

import json
import platform
from datetime import timedelta
from importlib import metadata

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from arpo_engine.contract.events import WIRE_VERSION
from tests.web.builders import make_person
from webapp.accounts.models import AuditEntry, User
from webapp.fleet.models import JoinToken
from webapp.fleet.services import make_join_token

HEAD = "10.0.0.1:6379"


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that other machines reach."""
    monkeypatch.setenv("RAY_HEAD_ADDRESS", HEAD)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "ray-secret")


@pytest.fixture
def keeper(db: None) -> User:
    """An administrator of the console."""
    person = make_person("kim")
    person.is_superuser = True
    person.save(update_fields=["is_superuser"])
    return person


def make(keeper: User, **changes: object) -> str:
    words = {"name": "rack 3", "lifetime": timedelta(hours=1), "once": True}
    return make_join_token(actor=keeper, **{**words, **changes})[1]


def ask(client: Client, secret: str, **changes: object) -> HttpResponse:
    versions = {"python": platform.python_version(), "ray": metadata.version("ray"), "contract": WIRE_VERSION}
    body = {**versions, "host": "gpu-1"}
    return client.post(
        "/api/v1/join",
        json.dumps({**body, **changes}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"} if secret else {},
    )


def test_a_machine_with_a_token_is_told_the_head_and_its_token(client: Client, keeper: User):
    answer = ask(client, make(keeper)).json()
    assert (answer["head"], answer["ray_token"], answer["contract"]) == (HEAD, "ray-secret", WIRE_VERSION)
    token = JoinToken.objects.get()
    assert (token.uses, token.last_used_by) == (1, "gpu-1")
    actions = list(AuditEntry.objects.values_list("action", flat=True))
    assert {"join_token.created", "machine.admitted"} <= set(actions)


def test_only_the_hash_of_a_token_is_kept_and_the_cluster_s_token_is_in_no_record(client: Client, keeper: User):
    secret = make(keeper)
    ask(client, secret)
    kept = json.dumps([*JoinToken.objects.values(), *AuditEntry.objects.values()], default=str)
    assert secret not in kept and "ray-secret" not in kept


def test_a_token_for_one_machine_admits_one_and_another_kind_admits_several(client: Client, keeper: User):
    secret = make(keeper)
    assert ask(client, secret).status_code == 200
    again = ask(client, secret)
    assert again.status_code == 403 and "used" in again.json()["detail"]
    refused = AuditEntry.objects.get(action="machine.refused")
    assert (refused.data["host"], refused.data["name"]) == ("gpu-1", "rack 3")
    assert "used" in refused.data["reason"] and secret not in json.dumps(refused.data)
    several = make(keeper, once=False)
    assert [ask(client, several).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("secret", ["", "join_nonsense"])
def test_without_a_good_token_nothing_is_told(client: Client, keeper: User, secret: str):
    answer = ask(client, secret)
    assert answer.status_code == (403 if secret else 401)
    assert HEAD not in answer.content.decode()
    assert not AuditEntry.objects.filter(action="machine.refused").exists(), "anybody could fill the audit log"


def test_an_expired_or_revoked_token_admits_nobody_nor_does_one_whose_maker_was_demoted(client: Client, keeper: User):
    secret = make(keeper)
    JoinToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "expired" in ask(client, secret).json()["detail"]
    secret = make(keeper)
    JoinToken.objects.update(revoked_at=timezone.now())
    assert "revoked" in ask(client, secret).json()["detail"]
    secret = make(keeper)
    User.objects.filter(pk=keeper.pk).update(is_superuser=False)
    assert "no administrator any more" in ask(client, secret).json()["detail"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "3.9.1"}, "Python .* and this machine 3.9.1; make its environment"),
        ({"ray": "2.9.0"}, "Ray .* and this machine 2.9.0; check out the console's release"),
        ({"contract": WIRE_VERSION + 1}, "update the console"),
        ({"contract": WIRE_VERSION - 1}, "update the engine"),
    ],
)
def test_a_machine_that_does_not_fit_is_refused_by_name_and_its_token_stays_good(
    client: Client, keeper: User, changes: dict[str, object], said: str
):
    secret = make(keeper)
    answer = ask(client, secret, **changes)
    assert answer.status_code == 409
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(answer.json()["detail"])
    assert AuditEntry.objects.filter(action="machine.refused").count() == 1
    assert ask(client, secret).status_code == 200


@pytest.mark.parametrize(
    ("head", "said"), [("127.0.0.1:6379", "./arpo up --node-ip"), ("", "runs no Ray head of its own")]
)
def test_a_console_that_nobody_can_join_says_so(
    client: Client, keeper: User, monkeypatch: pytest.MonkeyPatch, head: str, said: str
):
    monkeypatch.setenv("RAY_HEAD_ADDRESS", head)
    answer = ask(client, make(keeper))
    assert answer.status_code == 409 and said in answer.json()["detail"]
    assert JoinToken.objects.get().uses == 0
    client.force_login(keeper)
    assert said in client.get("/machines/").content.decode()


def test_an_unreadable_request_is_refused(client: Client, keeper: User):
    answer = client.post(
        "/api/v1/join", "[]", content_type="application/json", headers={"Authorization": f"Bearer {make(keeper)}"}
    )
    assert answer.status_code == 422


def test_an_administrator_makes_a_token_sees_its_command_once_and_revokes_it(client: Client, keeper: User):
    client.force_login(keeper)
    made = client.post("/machines/tokens/create/", {"name": "rack 3", "hours": "2", "several": "on"}, follow=True)
    page = made.content.decode()
    assert "ARPO_JOIN_TOKEN=join_" in page and "./arpo join http" in page
    assert "ARPO_JOIN_TOKEN=join_" not in client.get("/machines/").content.decode()
    token = JoinToken.objects.get()
    assert not token.once
    client.post(f"/machines/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.ended == "revoked"


def test_an_admin_of_a_team_who_does_not_run_the_console_makes_none(client: Client, admin: User, keeper: User):
    make(keeper)
    client.force_login(admin)
    page = client.get("/machines/")
    assert page.status_code == 403 and "rack 3" not in page.content.decode()
    refused = client.post("/machines/tokens/create/", {"name": "mine", "hours": "2"})
    assert refused.status_code == 403 and "administrator of the console" in refused.content.decode()
    assert client.post(f"/machines/tokens/{JoinToken.objects.get().pk}/revoke/").status_code == 404
    assert JoinToken.objects.get().revoked_at is None


def test_bad_words_are_answered_at_the_field(client: Client, keeper: User):
    client.force_login(keeper)
    answer = client.post("/machines/tokens/create/", {"name": "rack 3", "hours": "9000"})
    assert answer.status_code == 422 and "720" in answer.content.decode()
    assert not JoinToken.objects.exists()


def test_the_page_sends_strangers_to_sign_in(client: Client, db: None):
    assert client.get("/machines/").status_code == 302
