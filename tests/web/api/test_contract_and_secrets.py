"""An engine of another release is refused in words, on both sides; only an attempt that is alive gets its secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from arpo_engine.cli.greeting import greet_console
from arpo_engine.contract.agreement import HEADER
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.events import WIRE_VERSION, IngestAnswer, LogWritten
from arpo_engine.contract.reporting import console as console_module
from arpo_engine.contract.reporting.console import ConsoleClient, ContractsDiffer
from arpo_engine.contract.reporting.recorder import RunRecorder
from arpo_engine.contract.secrets import PROMISED
from tests.web.builders import envelopes, make_attempt, ndjson, started
from webapp.accounts.models import AuditEntry, Team, User
from webapp.runs.models import Run, RunAttempt, RunEvent
from webapp.runs.services import create_run

SECRET = "hf_very-secret-word"


@pytest.fixture
def pushing(db: None, admin: User, team: Team, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, RunAttempt, str]:
    """A run that pushes to a hub, its attempt and the attempt's token."""
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("POSTGRES_PASSWORD", "not-for-runs")
    config = RunConfig.model_validate({"checkpoint": {"push_to": "lab/agent"}})
    run = create_run(owner=admin, team=team, config=config)
    return (run, *make_attempt(run))


@pytest.fixture
def engine_side(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's own client, whose calls go to this console without a socket."""

    def exchange(
        self: ConsoleClient, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        answer = client.generic(method, path, body, headers=headers, content_type="application/x-ndjson")
        return answer.status_code, answer.content

    monkeypatch.setattr(ConsoleClient, "_exchange", exchange)


def test_a_console_refuses_an_engine_of_another_contract_and_keeps_nothing(post: Any, run: Run) -> None:
    for version, older in ((WIRE_VERSION + 1, "console"), (WIRE_VERSION - 1, "engine")):
        answer = post(envelopes([started()]), **{HEADER: str(version)})
        assert answer.status_code == 426
        assert f"update the {older}" in answer.json()["detail"]
    assert post(envelopes([started()]), **{HEADER: "two"}).status_code == 426
    run.refresh_from_db()
    assert not RunEvent.objects.filter(run=run, kind="RunStarted").exists()


def test_an_engine_that_names_no_version_is_of_the_first(post: Any) -> None:
    assert WIRE_VERSION == 1, "engines from before there was a header are refused now; say so in the changelog"
    assert post(envelopes([started()])).status_code == 200


def test_a_line_of_a_later_contract_is_refused_by_its_number(post: Any) -> None:
    (line,) = envelopes([started()])
    answer = post(ndjson([line.model_copy(update={"v": WIRE_VERSION + 1})]))
    assert answer.status_code == 422
    assert f"version {WIRE_VERSION + 1} of the contract" in answer.json()["detail"]


@pytest.mark.usefixtures("engine_side")
def test_an_engine_refuses_to_begin_for_a_console_of_another_contract(
    pushing: tuple[Run, RunAttempt, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, token = pushing
    monkeypatch.setattr(console_module, "WIRE_VERSION", WIRE_VERSION + 1)
    with pytest.raises(ConfigError, match=r"cannot report to http://console: .* update the console"):
        greet_console("http://console", run.pk, token)


def test_an_engine_refuses_an_answer_of_another_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = IngestAnswer.model_validate({"directive": "run", "last_seq": 0, "contract": WIRE_VERSION + 1})
    monkeypatch.setattr(ConsoleClient, "_exchange", lambda *words: (200, answer.model_dump_json().encode()))
    with pytest.raises(ContractsDiffer, match="update the engine"):
        ConsoleClient.for_run("http://console", "r1", "token").handshake()


def test_a_console_that_is_away_stops_no_run() -> None:
    greet_console("http://127.0.0.1:9", "r1", "token")


@pytest.mark.usefixtures("engine_side")
def test_an_engine_is_given_what_its_config_names_and_nothing_else(
    pushing: tuple[Run, RunAttempt, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, token = pushing
    monkeypatch.setenv(PROMISED, "HF_TOKEN,POSTGRES_PASSWORD")
    given = ConsoleClient.for_run("http://console", run.pk, token).get_secrets()
    assert given == {"HF_TOKEN": SECRET}
    (entry,) = AuditEntry.objects.filter(action="secrets.given")
    assert entry.data == {"attempt": 1, "names": ["HF_TOKEN"]}


def test_nobody_else_gets_a_secret(client: Client, pushing: tuple[Run, RunAttempt, str]) -> None:
    run, attempt, token = pushing
    path = f"/api/v1/runs/{run.pk}/secrets"
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer run_other"}).status_code == 403
    client.force_login(run.owner)
    assert client.get(path).status_code == 401, "people are given none"
    RunAttempt.objects.filter(pk=attempt.pk).update(state=RunAttempt.State.ENDED)
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 409 and SECRET not in answer.content.decode()


def test_a_secret_that_is_not_listed_for_runs_is_not_given(
    client: Client, pushing: tuple[Run, RunAttempt, str], settings: Any
) -> None:
    run, _, token = pushing
    settings.RUN_SECRETS = ["WANDB_API_KEY"]
    answer = client.get(f"/api/v1/runs/{run.pk}/secrets", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"values": {}} and answer["Cache-Control"] == "no-store"


def test_a_secret_that_the_engine_prints_is_in_no_event_no_row_and_no_page(
    client: Client, pushing: tuple[Run, RunAttempt, str], tmp_path: Any
) -> None:
    run, _, token = pushing
    recorder = RunRecorder(tmp_path, 1, frames=RunConfig().frames)
    recorder.emit(started())
    recorder.emit(LogWritten(level="error", logger="hub", message=f"401 for {SECRET}"))
    recorder.close()
    spool = (tmp_path / "events.jsonl").read_bytes()
    assert SECRET.encode() not in spool and b"401 for <HF_TOKEN>" in spool
    shipped = client.post(
        f"/api/v1/runs/{run.pk}/events",
        spool,
        content_type="application/x-ndjson",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert shipped.status_code == 200
    assert SECRET not in json.dumps([*RunEvent.objects.filter(run=run).values(), run.config], default=str)
    client.force_login(run.owner)
    for page in ("", "log/", "config/"):
        answer = client.get(f"/runs/{run.pk}/{page}")
        assert answer.status_code == 200 and SECRET not in answer.content.decode()
