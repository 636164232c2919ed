"""Single checks of preflight, on machines that this one is not."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.runtime import preflight
from arpo_engine.runtime.executors import build_executor


def named(name: str, checkpoint: dict[str, str], run_dir: Path) -> list[preflight.Check]:
    config = parse_config({"checkpoint": checkpoint, "tasks": {"source": "nowhere"}})
    checks = asyncio.run(preflight.preflight(config, run_dir=run_dir, executor=build_executor("local")))
    return [check for check in checks if check.name == name]


def test_a_model_for_eight_gpus_on_a_machine_with_none_is_warned_of(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    processor = preflight._processor(parse_config({"model": {"path": "lab/7b"}}))
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
