"""Preflight by the plan, on machines that this one is not; the machine that is here; the shape of a model's folder."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from arpo_engine.contract.config import RunConfig, load_config, parse_config
from arpo_engine.contract.plan.known_models import POCKET, QWEN2_5
from arpo_engine.contract.plan.planning import Machine
from arpo_engine.models.shape import shape_at
from arpo_engine.runtime import hardware
from arpo_engine.runtime.plan_checks import Judged, judge_plan

SEVEN = parse_config({"model": {"path": "lab/7b", "dtype": "bfloat16"}, "rollout": {"max_steps": 8}})


def judged(config: RunConfig, folder: Path, machine: Machine) -> dict[str, Judged]:
    return {one.name: one for one in judge_plan(config, run_dir=folder, machine=machine)}


def test_a_7b_on_a_machine_without_a_gpu_and_little_memory_fails_with_the_component_and_a_cure(tmp_path: Path):
    memory = judged(SEVEN, tmp_path, Machine(gpus=0, memory_gb=64.0))["memory"]
    assert memory.status == "fail"
    assert "of the computer's 64.0 GB; most of it is activations" in memory.message
    assert "model.lora.rank=32" in memory.cure


def test_where_nothing_helps_the_cure_says_so(tmp_path: Path):
    memory = judged(SEVEN, tmp_path, Machine(gpus=0, memory_gb=8.0))["memory"]
    assert (memory.status, memory.cure) == ("fail", "close other programs, use a smaller model or fewer desktops")


def test_a_gpu_that_is_too_small_is_named_with_the_cure(tmp_path: Path):
    memory = judged(SEVEN, tmp_path, Machine(gpus=1, gpu_gb=24.0, memory_gb=500.0))["memory"]
    assert memory.status == "fail" and "on a GPU of 24 GB" in memory.message
    assert "model.lora.rank=32" in memory.cure


def test_the_shipped_run_fits_two_cores_and_its_plan_is_told(tmp_path: Path):
    found = judged(load_config(Path("configs/pocket_demo.yaml")), tmp_path, Machine(gpus=0, memory_gb=6.0, cores=2))
    assert {name: one.status for name, one in found.items()} == {"disk": "ok", "memory": "ok", "plan": "ok"}
    assert "at most 3,840 rollouts" in found["plan"].message
    assert "Desktops: 64 at once" in found["plan"].message


def test_a_model_of_unknown_shape_is_warned_of(tmp_path: Path):
    memory = judged(parse_config({"model": {"path": "lab/mine"}}), tmp_path, Machine(gpus=1))["memory"]
    assert memory.status == "warn" and "is not known" in memory.message and memory.cure


@pytest.mark.parametrize(("free", "status"), [(1e12, "ok"), (0.5e9, "warn"), (0.1e9, "fail")])
def test_the_disk_is_held_against_what_the_run_writes(tmp_path, monkeypatch, free: float, status: str):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    config = parse_config({"frames": {"max_mb": 5000}, "limits": {"steps": 10_000}})
    assert judged(config, tmp_path / "not" / "there", Machine(gpus=0))["disk"].status == status


def test_gpus_are_read_from_nvidia_smi(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    answer = SimpleNamespace(stdout="81559\n143771\n")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: answer)
    assert hardware.gpu_memory_gb() == pytest.approx([85.52, 150.75], abs=0.01)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine = hardware.this_machine()
    assert (machine.gpus, round(machine.gpu_gb, 2)) == (2, 85.52)
    assert machine.memory_gb is not None and machine.memory_gb > 0 and machine.cores >= 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert hardware.this_machine().gpus == 1, "the others are not this run's"


def test_a_driver_that_does_not_answer_is_no_gpu(monkeypatch):
    def broken(*words: object, **options: object) -> None:
        raise subprocess.CalledProcessError(9, "nvidia-smi")

    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", broken)
    assert hardware.gpu_memory_gb() == []


def test_the_shape_of_a_folder_is_what_its_config_says_not_its_name(tmp_path: Path):
    folder = tmp_path / "mine-7B"
    folder.mkdir()
    assert shape_at("builtin:pocket") == POCKET
    assert shape_at(str(folder)) == QWEN2_5["7B"], "without a config.json the name counts"
    settings = json.loads((Path("arpo_engine/models/pocket/weights") / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings))
    assert shape_at(str(folder)) == POCKET
    (folder / "config.json").write_text("torn")
    assert shape_at(str(folder)) == QWEN2_5["7B"]
    assert shape_at("nobody/has-this") is None
