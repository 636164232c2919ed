"""What preflight says about trackers: a package that is missing, with its command, and where the numbers will go."""

from __future__ import annotations

import asyncio

import pytest

from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.runtime.guarded import Check
from arpo_engine.runtime.mirrors import checks, registry
from arpo_engine.runtime.preflight import check_mirrors


def config(*mirrors: str) -> RunConfig:
    return parse_config({"records": {"mirrors": list(mirrors)}})


def checked(*mirrors: str) -> Check:
    return asyncio.run(check_mirrors(config(*mirrors)))


def test_a_missing_package_is_named_with_the_command_and_is_no_reason_not_to_start(monkeypatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    check = checked("console", "tensorboard", "wandb", "mlflow")
    assert check.status == "warn"
    assert check.message == "not installed: tensorboardX, wandb, mlflow-skinny"
    assert "-m pip install --require-hashes -r requirements/mirrors.txt`" in check.cure


def test_it_says_where_the_numbers_will_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: object())
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", "/nowhere")
    here = checked("console", "tensorboard", "wandb", "mlflow")
    assert here.status == "ok"
    assert "wandb: no key here, so files" in here.message and "mlflow: files" in here.message
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://user:secret@mlflow.example.org")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    away = checked("wandb", "mlflow")
    assert away.message == "wandb: sent with this machine's key; mlflow: the server in MLFLOW_TRACKING_URI"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert checks.destinations(config("wandb").records) == "wandb: WANDB_MODE=offline"
