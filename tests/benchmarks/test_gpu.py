"""The GPU benchmark where there is no GPU: it says so and ends well; with a tiny model every figure is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu

WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"ray", "PySide6", "vllm", "trl", "django", "celery", "psycopg"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import arpo_engine.trainer.learner, arpo_engine.algorithms, arpo_engine.agents.ui_tars, arpo_engine.agents.qwen_vl
import arpo_engine.inference.hf, arpo_engine.contract.plan.cures, benchmarks.common, benchmarks.gpu_runs
assert not {"ray", "PySide6", "vllm", "trl"} & set(sys.modules)
print("imported")
"""


def test_learner_algorithms_agents_and_the_hf_generator_import_without_ray_and_qt():
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    answer = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    assert answer.stdout.strip() == "imported", answer.stderr


def test_without_a_gpu_it_says_why_nothing_is_measured(monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu"])
    assert gpu.main() == 0
    said, line = capsys.readouterr().out.splitlines()
    assert said == "skipped: torch sees no NVIDIA GPU here; run it on a machine that has one"
    assert json.loads(line)["skipped"].startswith("torch sees no NVIDIA GPU")


def test_what_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(gpu, "find_spec", lambda name: None if name in ("pydantic", "peft") else object())
    assert gpu.why_skipped() == ("not installed here: pydantic, peft; run ./arpo setup, or install them beside torch")


def test_quick_goes_through_every_line_and_has_every_key(monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["gpu", "--quick"])
    assert gpu.main() == 0
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])
    assert figures["quick"] is True
    for key in ("trained_tokens_per_s", "rollout_tokens_per_s", "weight_push_s", "plan_gb", "rollout_plan_gb"):
        assert figures[key]["tiny"]["tiny"] > 0
    assert 0.5 < figures["prefix_hit"]["tiny"]["tiny"] < 1
    assert set(figures["trained_tokens_per_s"]) == {"tiny", "tiny LoRA 4"}
    assert lines[0].startswith("| case | MFU |") and lines[2].startswith("| tiny tiny |")


def test_a_case_for_which_no_time_is_left_says_so():
    (first, _) = gpu.wanted([], [], quick=True)
    figures = gpu.measure([first], "cpu", limit_s=-1.0)
    assert figures["runs"][0]["skipped"] == "the -1 s of --limit-s were over"


def test_short_lengths_are_measured_before_long_ones_and_a_7b_with_lora_last():
    names = [case.name for case in gpu.wanted(["2B", "3B"], ["4k", "43k"], quick=False)]
    assert names == ["2B 4k", "3B 4k", "2B 43k", "3B 43k", "7B LoRA 32 43k"]
    assert gpu.data_sheet("NVIDIA H200") == 989.0
    assert gpu.data_sheet("a card of tomorrow") is None
