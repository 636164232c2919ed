"""`./arpo plan`: exit codes, the table, the settings under which it fits, JSON for a program."""

from __future__ import annotations

import json

import pytest

from arpo_engine.cli.commands import main

POCKET = ["--config", "configs/pocket_demo.yaml"]
SEVEN = [
    *POCKET, "model.path=ByteDance-Seed/UI-TARS-1.5-7B", "model.dtype=bfloat16", "tasks.source=evaluation_examples",
    "rollout.max_steps=15", "desktops.count=16", "agent.prompt=full", "generator.max_new_tokens=400",
]  # fmt: skip


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["plan", *words])
    return code, capsys.readouterr().out


def test_a_small_run_fits_and_its_tasks_are_counted(capsys: pytest.CaptureFixture[str]):
    code, shown = planned(capsys, *POCKET, "--gpus", "0", "tasks.selection={kind: learnable, attempts: 16}")
    assert code == 0
    assert "it fits" in shown
    assert "1,536 tries of tasks.selection before them" in shown
    assert "while learning" in shown and "cache of contexts" in shown


def test_a_large_run_says_what_is_too_large_and_settings_under_which_it_fits(capsys: pytest.CaptureFixture[str]):
    code, shown = planned(capsys, *SEVEN, "--gpus", "8", "--gpu-gb", "80")
    assert code == 3
    assert "it does not fit" in shown and "on a GPU of 80 GB" in shown
    assert "fits, an adapter learns (LoRA): learner.tokens_per_pass=42865" in shown
    assert "no sequence parallelism" in shown
    settings = shown.partition("all weights learn: ")[2].partition(" (")[0].split()
    code, shown = planned(capsys, *SEVEN, "--gpus", "8", "--gpu-gb", "80", *settings)
    assert code == 0, "with these settings it does"


def test_paces_are_assumed_as_they_are_given(capsys: pytest.CaptureFixture[str]):
    words = (
        "--gpu-gb",
        "141",
        "--action-s",
        "5",
        "--reset-s",
        "20",
        "--reply-s",
        "1",
        "--mfu",
        "0.3",
        "--tflops",
        "900",
    )
    _, shown = planned(capsys, *SEVEN, *words)
    assert "if a reset takes 20 s, an action 5 s, a reply 1 s, and a GPU reaches 30% of 900 TFLOP/s" in shown


def test_a_program_gets_one_object(capsys: pytest.CaptureFixture[str]):
    code, shown = planned(capsys, *SEVEN, "--gpus", "1", "--json")
    answer = json.loads(shown)
    assert code == 3 and answer["fits"] is False
    assert answer["work"]["context"] == 42_865
    assert answer["moments_gb"]["gpu"]["learning"] > 80
    assert [way["title"] for way in answer["ways"]] == ["all weights learn", "an adapter learns (LoRA)"]
    assert all(way["gpu_gb"] <= 80 * 0.95 for way in answer["ways"])


def test_an_unknown_model_and_unreadable_tasks_are_said(capsys: pytest.CaptureFixture[str]):
    code, shown = planned(capsys, *POCKET, "--gpus", "1", "model.path=lab/mine", "tasks.source=nowhere")
    assert code == 0
    assert "the shape of this model is not known" in shown
    assert "an unknown number of measured episodes" in shown


def test_bad_words_are_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["plan", *POCKET, "rollout.group_size=1"]) == 2
    assert "rollout.group_size" in capsys.readouterr().err
