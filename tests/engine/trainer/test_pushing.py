"""Exports go to a hub beside the training; whatever the hub does, the run goes on and nobody learns the token."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.config.parts import CheckpointConfig
from arpo_engine.contract.errors import ConfigError, ModelError
from arpo_engine.contract.events import LogWritten, PhaseChanged
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.trainer import hub
from arpo_engine.trainer.checkpoint import Saved
from arpo_engine.trainer.pushing import Pusher
from tests.engine.trainer.test_loop import run
from tests.engine.trainer.world import small_config

TOKEN = "hf_thisIsVerySecret"
END = CheckpointConfig(push_to="lab/agent")
BEST = CheckpointConfig(push_to="lab/agent", push_when="best")


def saved(folder: Path, step: int) -> Saved:
    path = folder / f"step_{step:06d}"
    (path / "policy").mkdir(parents=True)
    (path / "policy" / "config.json").write_text(json.dumps({"step": step}))
    return Saved(step=step, path=path, bytes=1)


def messages(sink: MemorySink) -> list[tuple[str, str]]:
    return [(event.level, event.message) for event in sink.events if isinstance(event, LogWritten)]


class Remembering:
    """An upload that notes what it was given, and waits where a test wants it to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.may_go = threading.Event()
        self.may_go.set()
        self.began = threading.Event()

    def __call__(self, folder: Path, message: str) -> str:
        self.began.set()
        self.may_go.wait(30)
        self.sent.append((message, (folder / "config.json").read_text()))
        return "https://hub/lab/agent"


@pytest.mark.parametrize(("config", "wanted"), [(END, ["Step 9"]), (BEST, ["Step 3"]), (CheckpointConfig(), [])])
def test_the_last_or_the_best_is_sent_as_the_config_says(tmp_path, config: CheckpointConfig, wanted: list[str]):
    sink, upload = MemorySink(), Remembering()
    pusher = Pusher(config, sink, upload)
    pusher.best(saved(tmp_path, 0))
    pusher.best(saved(tmp_path, 3))
    pusher.finish()
    pusher.end(saved(tmp_path, 9))
    pusher.finish()
    assert [message for message, _ in upload.sent] == wanted
    assert messages(sink) == [("info", f"step {word[5:]} is pushed to https://hub/lab/agent") for word in wanted]
    assert not list(tmp_path.glob(".push-*"))


def test_of_several_that_wait_the_newest_is_sent_even_if_it_was_pruned(tmp_path):
    sink, upload = MemorySink(), Remembering()
    upload.may_go.clear()
    pusher = Pusher(BEST, sink, upload)
    for step in (1, 2, 3):
        one = saved(tmp_path, step)
        pusher.best(one)
        assert upload.began.wait(30)
        (one.policy / "config.json").unlink()
    upload.may_go.set()
    pusher.finish()
    assert upload.sent == [("Step 1", '{"step": 1}'), ("Step 3", '{"step": 3}')]
    assert any(isinstance(event, PhaseChanged) for event in sink.events)
    assert not list(tmp_path.glob(".push-*"))


def test_a_file_system_without_hard_links_copies(tmp_path, monkeypatch):
    def none_here(source: str, target: str) -> None:
        raise PermissionError("no links")

    monkeypatch.setattr(os, "link", none_here)
    upload = Remembering()
    pusher = Pusher(END, MemorySink(), upload)
    pusher.end(saved(tmp_path, 4))
    pusher.finish()
    assert upload.sent == [("Step 4", '{"step": 4}')]


def test_the_same_step_is_sent_once(tmp_path):
    upload = Remembering()
    pusher = Pusher(BEST, MemorySink(), upload)
    one = saved(tmp_path, 1)
    pusher.best(one)
    pusher.best(one)
    pusher.finish()
    assert len(upload.sent) == 1


def test_what_a_killed_attempt_left_is_removed(tmp_path):
    (tmp_path / ".push-left" / "export").mkdir(parents=True)
    pusher = Pusher(END, MemorySink(), Remembering())
    pusher.end(saved(tmp_path, 1))
    pusher.finish()
    assert not list(tmp_path.glob(".push-*"))


def test_a_hub_that_fails_is_told_of_without_the_token(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def upload(folder: Path, message: str) -> str:
        raise RuntimeError(f"401 for Bearer {TOKEN}")

    sink = MemorySink()
    pusher = Pusher(END, sink, upload)
    pusher.end(saved(tmp_path, 4))
    pusher.finish()
    ((level, told),) = messages(sink)
    assert level == "warning"
    assert "step 4 is not pushed to lab/agent: RuntimeError: 401 for Bearer <token>; the export stays" in told


def test_a_hub_that_never_answers_is_not_waited_for_forever(tmp_path):
    sink, upload = MemorySink(), Remembering()
    upload.may_go.clear()
    pusher = Pusher(END.model_copy(update={"push_timeout_s": 0.01}), sink, upload)
    pusher.end(saved(tmp_path, 4))
    pusher.finish()
    assert "not done after checkpoint.push_timeout_s = 0.01" in messages(sink)[-1][1]
    upload.may_go.set()


def test_a_run_whose_push_fails_is_a_run_that_finished(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    config = small_config(limits={"steps": 1}, optimizer={"warmup_steps": 0}, checkpoint={"push_to": "lab/agent"})
    outcome = run(config, tmp_path)
    assert outcome.ending.outcome is RunOutcome.FINISHED
    assert "step 1 is not pushed to lab/agent: ModelError: the environment has no HF_TOKEN" in (
        outcome.of(LogWritten)[-1].message
    )


@pytest.mark.parametrize(
    "setting",
    [
        {"push_to": "no-owner"},
        {"push_to": "a/b/c"},
        {"push_token_env": TOKEN},
        {"push_token_env": "ARPO_ATTEMPT_TOKEN"},
    ],
)
def test_a_token_is_no_setting_and_a_repository_has_an_owner(setting: dict[str, str]):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        small_config(checkpoint=setting)


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's interface as a push uses."""

    public = False
    heard: list[tuple[str, str, str | None]]
    files: dict[str, bytes]

    def do_GET(self) -> None:
        self._answer({"id": "lab/agent", "private": not self.public, "sha": "0" * 40, "siblings": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path.endswith("/repos/create"):
            self._answer({"url": f"http://{self.headers['Host']}/lab/agent", "name": "lab/agent", **json.loads(body)})
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            self._answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            commit = f"http://{self.headers['Host']}/lab/agent/commit/{'0' * 40}"
            self._answer({"commitUrl": commit, "commitOid": "0" * 40, "success": True})

    def _answer(self, tree: dict[str, Any]) -> None:
        self.heard.append((self.command, self.path, self.headers.get("Authorization")))
        body = json.dumps(tree).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Hub.heard, Hub.files, Hub.public = [], {}, False
    made = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_the_real_client_makes_a_private_repository_and_commits_the_folder(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    export = saved(tmp_path, 2).policy
    where = hub.upload_export(END, export, "Step 2", endpoint=f"http://127.0.0.1:{server.server_port}")
    assert where.endswith("/lab/agent")
    assert Hub.files == {"config.json": b'{"step": 2}'}
    assert Hub.heard[0][:2] == ("POST", "/api/repos/create")
    assert {token for _, _, token in Hub.heard} == {f"Bearer {TOKEN}"}


def test_nothing_private_is_sent_to_a_public_repository(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    Hub.public = True
    export, endpoint = saved(tmp_path, 2).policy, f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(ModelError, match=r"lab/agent is public, and checkpoint\.push_private is true"):
        hub.upload_export(END, export, "Step 2", endpoint=endpoint)
    assert Hub.files == {}
    hub.upload_export(END.model_copy(update={"push_private": False}), export, "Step 2", endpoint=endpoint)
    assert set(Hub.files) == {"config.json"}


def test_without_the_package_or_the_token_the_cure_is_said(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert "the environment has no HF_TOKEN; set it to a token that may write to lab/agent" in str(hub.obstacle(END))
    monkeypatch.setattr(hub, "find_spec", lambda name: None)
    assert "huggingface_hub is not installed here; run ./arpo setup" in str(hub.obstacle(END))
