"""Ranks and their devices: what preflight says of them, and how GPUs are counted without torch."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.ranks import RanksConfig
from arpo_engine.contract.errors import ConfigError
from arpo_engine.runtime import devices, preflight
from arpo_engine.runtime.devices import check_ranks, gpus_here
from arpo_engine.runtime.gpu_room import Gpus
from arpo_engine.runtime.guarded import Check, guarded


def said(gpus: int, **learner: Any) -> Check:
    machine = Gpus(total=gpus, free=gpus, where="this machine")
    config = parse_config({"learner": learner})
    return asyncio.run(guarded("ranks", preflight._ranks, config, machine))


def test_eight_gpus_asked_for_on_a_machine_with_none_fail_with_the_cure():
    check = said(0, ranks=8, backend="nccl")
    assert (check.status, check.message) == ("fail", "learner.ranks is 8, one GPU each, and this machine has none")
    assert check.cure.startswith("use learner.backend=gloo (ranks then learn on processors)")


def test_fewer_gpus_than_ranks_fail_with_the_number_that_there_is():
    check = said(2, ranks=8)
    assert check.status == "fail"
    assert check.cure.startswith("use learner.ranks=2, or a machine or cluster that has them")


def test_ranks_that_have_their_gpus_are_fine():
    assert said(8, ranks=8).status == "ok"


def test_more_ranks_than_cores_without_a_gpu_are_a_warning(monkeypatch):
    monkeypatch.setattr(preflight, "cores_here", lambda: 2)
    check = said(0, ranks=8)
    assert (check.status, check.message) == ("warn", "8 ranks learn on processors, and this machine has 2 cores")
    assert "learner.ranks = 2 or fewer (what is learnt stays the same)" in check.cure
    assert said(0, ranks=2).status == "ok"


def test_processors_may_be_asked_for_whatever_gpus_there_are():
    check_ranks(RanksConfig(ranks=8, backend="gloo"), 2, "this machine")
    with pytest.raises(ConfigError, match="has 2; use"):
        check_ranks(RanksConfig(ranks=8, backend="nccl"), 2, "this machine")


def test_gpus_that_are_hidden_do_not_count(monkeypatch):
    for visible, count in (("", 0), ("-1", 0), ("0,3", 2)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus_here() == count


def test_gpus_are_counted_by_the_drivers_own_list(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(devices.shutil, "which", lambda name: f"/usr/bin/{name}")
    listed = "GPU 0: NVIDIA H200 (UUID: GPU-a)\nGPU 1: NVIDIA H200 (UUID: GPU-b)\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=listed))
    assert gpus_here() == 2

    def broken(*_: Any, **__: Any) -> None:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    monkeypatch.setattr(subprocess, "run", broken)
    assert gpus_here() == 0


def test_starting_desktops_and_counting_gpus_load_no_torch():
    code = "import sys, arpo_engine.runtime.devices, arpo_engine.runtime.local; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
