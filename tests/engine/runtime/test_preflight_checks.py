"""Single checks of preflight, on machines that this one is not."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig
from arpo_engine.contract.errors import ConfigError, KeyRefused
from arpo_engine.contract.secrets import PROMISED
from arpo_engine.runtime import preflight
from arpo_engine.runtime.executors import build_executor
from arpo_engine.runtime.gpu_room import Gpus
from arpo_engine.runtime.guarded import UNFORESEEN, Check
from tests.engine.inference.chat_stub import chat_stub, refusal


def named(name: str, checkpoint: dict[str, str], run_dir: Path) -> list[Check]:
    config = parse_config({"checkpoint": checkpoint, "tasks": {"source": "nowhere"}})
    checks = asyncio.run(preflight.preflight(config, run_dir=run_dir, executor=build_executor("local")))
    return [check for check in checks if check.name == name]


def test_a_model_for_eight_gpus_on_a_machine_with_none_is_warned_of(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    processor = asyncio.run(preflight._processor(parse_config({"model": {"path": "lab/7b"}})))
    assert (processor.status, processor.cure) == ("warn", "a model of billions of parameters needs a GPU to train")
    assert "no NVIDIA GPU" in processor.message


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [(None, "fail", "the environment has no HF_LAB_TOKEN"), ("hf_secret", "ok", "exports go to the private lab/agent")],
)
def test_a_push_is_checked_before_it_is_needed(tmp_path, monkeypatch, token, status: str, words: str):
    monkeypatch.delenv("HF_LAB_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("HF_LAB_TOKEN", token)
    (check,) = named("hub", {"push_to": "lab/agent", "push_token_env": "HF_LAB_TOKEN"}, tmp_path)
    assert check.status == status
    assert words in check.message
    assert "hf_secret" not in check.message + check.cure
    assert bool(check.cure) == (status == "fail")


def test_without_a_push_nothing_is_said_of_a_hub(tmp_path):
    assert named("hub", {}, tmp_path) == []


def test_a_key_that_the_console_has_promised_is_not_missed_before_the_run(monkeypatch):
    monkeypatch.delenv("LAB_API_KEY", raising=False)
    with chat_stub() as server:
        server.models = refusal(401, "no key")
        config = OpenAiGeneratorConfig(base_urls=(server.url,), api_key_env="LAB_API_KEY", retries=0)
        with pytest.raises(KeyRefused, match="api_key_env"):
            asyncio.run(preflight._served_model(config))
        monkeypatch.setenv(PROMISED, "HF_TOKEN,LAB_API_KEY")
        check = asyncio.run(preflight._served_model(config))
        assert check.status == "ok" and "the console gives as LAB_API_KEY" in check.message
        monkeypatch.setenv("LAB_API_KEY", "a-key-of-this-node")
        with pytest.raises(KeyRefused):
            asyncio.run(preflight._served_model(config))


class Unreachable:
    """An executor that fails where its GPUs are asked for."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def gpus(self) -> Gpus:
        raise self._error

    async def close(self) -> None:
        """Has started nothing."""


@pytest.mark.parametrize(
    ("error", "message", "cure"),
    [
        (
            ConfigError("Ray has no cluster here; run ray start --head"),
            "Ray has no cluster here",
            "run ray start --head",
        ),
        (ConnectionError("no route"), "the check itself ended with ConnectionError: no route", UNFORESEEN),
    ],
)
def test_gpus_that_cannot_be_asked_for_are_told_and_end_no_other_check(
    tmp_path: Path, error: Exception, message: str, cure: str
):
    config = parse_config(
        {"learner": {"ranks": 2}, "tasks": {"source": "nowhere"}, "records": {"mirrors": ["console"]}}
    )
    executor: Any = Unreachable(error)
    checks = asyncio.run(preflight.preflight(config, run_dir=tmp_path, executor=executor))
    found = {check.name: check for check in checks}
    assert (found["ranks"].status, found["ranks"].message, found["ranks"].cure) == ("fail", message, cure)
    assert [
        name for name in ("packages", "model", "tasks", "disk", "plan", "processor", "mirrors") if name not in found
    ] == []
    assert "memory" not in found, "this machine's says nothing of GPUs that are elsewhere"


def test_whatever_a_check_meets_is_told_under_its_name_and_the_others_are_made(tmp_path: Path, monkeypatch):
    def raising(*_: object, **__: object) -> None:
        raise PermissionError("no entry")

    for name in ("check_tasks", "obstacle", "judge_plan"):
        monkeypatch.setattr(preflight, name, raising)
    config = parse_config(
        {"desktops": {"kind": "vmware", "machines": ["a.vmx"], "count": 1}, "checkpoint": {"push_to": "lab/agent"}}
    )
    executor: Any = Unreachable(AssertionError("there are no ranks"))
    checks = asyncio.run(preflight.preflight(config, run_dir=tmp_path, executor=executor))
    told = {check.name: check for check in checks}
    for name in ("task needs", "hub", "plan"):
        assert (told[name].status, told[name].cure) == ("fail", UNFORESEEN)
        assert told[name].message == "the check itself ended with PermissionError: no entry"
    # That executor starts no desktops, which is one more thing that nobody foresaw.
    assert "AttributeError" in told["desktops"].message
    assert told["packages"].status == told["tasks"].status == "ok" and "processor" in told
