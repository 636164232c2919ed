"""Stopping at any step and going on is the same as never having stopped, to the last bit."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import CheckpointError
from arpo_engine.contract.events import CheckpointSaved, CollapseNoticed, RunStarted
from arpo_engine.trainer.guard import Collapse
from tests.engine.policies import small_policy
from tests.engine.trainer.test_checkpoint import room_for_files_of
from tests.engine.trainer.test_loop import run
from tests.engine.trainer.world import small_config

STEPS = 5
ATTEMPT = re.compile(r"\ba\d+-s")
"""How names of episodes begin: they say which attempt saw them, and nothing depends on them."""


def config(**parts: dict[str, Any]) -> RunConfig:
    every = parts.pop("checkpoint", {"every_steps": 2})
    return small_config(limits={"steps": STEPS}, checkpoint={**every, "keep": 9}, **parts)


def stopped_at_every_step(config: RunConfig, run_dir: Path, before: Any = None) -> list[int | None]:
    """Where each attempt went on from."""
    began = []
    for step in range(1, STEPS + 1):
        outcome = run(config, run_dir, attempt=step, stop_after=step, before=before)
        began.append(outcome.of(RunStarted)[0].resumed_from_step)
    return began


def kept(run_dir: Path, step: int) -> dict[str, Any]:
    """Everything in a checkpoint, but how long it took."""
    folder = run_dir / "checkpoints" / f"step_{step:06d}"
    state = json.loads(ATTEMPT.sub("a-s", (folder / "state.json").read_text()))
    del state["progress"]["seconds"]
    for entry in state["algorithm"].get("replay", {}).get("entries", ()):
        del entry["data"]["duration_s"]
    with zipfile.ZipFile(folder / "blobs.zip") as archive:
        blobs = {ATTEMPT.sub("a-s", name): archive.read(name) for name in archive.namelist()}
    tensors = torch.load(folder / "optimizer.pt", weights_only=True)["optimizer"]
    moments = {
        (place, name): value for place, values in tensors["state"].items() for name, value in sorted(values.items())
    }
    return {
        "state": state,
        "blobs": blobs,
        "groups": tensors["param_groups"],
        "moments": moments,
        "weights": load_file(folder / "policy" / "model.safetensors"),
    }


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    for part in ("state", "blobs", "groups"):
        assert one[part] == other[part], part
    for part in ("moments", "weights"):
        assert one[part].keys() == other[part].keys()
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), (part, name)


@pytest.mark.parametrize(
    "parts",
    [
        {"algorithm": {"kind": "arpo"}},
        {
            "algorithm": {"kind": "grpo", "kl": {"place": "loss", "control": "adaptive"}},
            "optimizer": {"kind": "adamw_bf16"},
        },
    ],
    ids=["replay", "adaptive penalty and bf16 moments"],
)
def test_stopping_at_every_step_equals_never_stopping(tmp_path, parts: dict[str, Any]):
    run(config(**parts), tmp_path / "whole")
    assert stopped_at_every_step(config(**parts), tmp_path / "broken") == [None, 1, 2, 3, 4]
    for step in (2, 4, STEPS):
        assert_equal(kept(tmp_path / "broken", step), kept(tmp_path / "whole", step))


def test_the_comparison_covers_what_a_run_remembers(tmp_path):
    run(config(), tmp_path)
    last = kept(tmp_path, STEPS)
    assert set(last["state"]) == {"progress", "learner", "algorithm", "chosen", "order", "guard", "planned", "seed"}
    assert last["state"]["algorithm"]["replay"]["entries"]
    assert len(last["state"]["learner"]["random"][1]) == 625
    assert last["blobs"]
    assert any(value.abs().max() > 0 for (_, name), value in last["moments"].items() if name == "exp_avg")


def test_a_crash_within_a_step_costs_that_step_and_nothing_else(tmp_path):
    def dies_while_learning(parts: Any) -> None:
        learn = parts.learner.learn

        def learn_until(groups: Any, now: int) -> Any:
            report = learn(groups, now)
            if now == 3:
                raise KeyboardInterrupt("the machine went dark")
            return report

        parts.learner.learn = learn_until

    whole = config(checkpoint={"every_steps": 1})
    run(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(whole, tmp_path / "broken", before=dies_while_learning)
    assert run(whole, tmp_path / "broken", attempt=2).of(RunStarted)[0].resumed_from_step == 2
    assert_equal(kept(tmp_path / "broken", STEPS), kept(tmp_path / "whole", STEPS))


def collapse_at(step: int) -> Callable[[Any], None]:
    """The guard sees a collapse at that step."""

    def install(parts: Any) -> None:
        judge = parts.guard.judge

        def judged(signs: Any) -> Collapse | None:
            judge(signs)
            if parts.progress.step == step:
                return Collapse("format", -0.9, -0.5, "replies are unreadable")
            return None

        parts.guard.judge = judged

    return install


def test_a_run_that_was_stopped_returns_to_the_same_best_weights_after_a_collapse(tmp_path):
    """The checkpoints that stops leave at steps 1 and 3 are not there in the unbroken run, so none may be the best."""
    parts = config(guard={"window_steps": 1, "success_drop": 1.0})
    whole = run(parts, tmp_path / "whole", before=collapse_at(4))
    stopped_at_every_step(parts, tmp_path / "broken", before=collapse_at(4))
    assert whole.of(CollapseNoticed)[0].returned_to_step in (0, 2)
    assert_equal(kept(tmp_path / "broken", STEPS), kept(tmp_path / "whole", STEPS))


def test_a_stop_between_two_checkpoints_is_saved_and_never_the_best(tmp_path):
    outcome = run(config(guard={"window_steps": 1}), tmp_path, stop_after=1)
    assert [(event.step, event.best) for event in outcome.of(CheckpointSaved)] == [(0, True), (1, False)]


def test_a_full_disk_ends_the_run_with_the_cure_and_costs_no_more_than_the_step(tmp_path):
    def full_at_two(parts: Any) -> None:
        save = parts.store.save

        def saved(step: int, **named: Any) -> Any:
            if step != 2:
                return save(step, **named)
            with room_for_files_of(100_000):
                return save(step, **named)

        parts.store.save = saved

    every = config(checkpoint={"every_steps": 1})
    run(every, tmp_path / "whole")
    with pytest.raises(CheckpointError, match=r"checkpoint of step 2 could not be written.*make room on that disk"):
        run(every, tmp_path / "broken", before=full_at_two)
    assert run(every, tmp_path / "broken", attempt=2).of(RunStarted)[0].resumed_from_step == 1
    assert_equal(kept(tmp_path / "broken", STEPS), kept(tmp_path / "whole", STEPS))


def test_a_checkpoint_of_another_model_is_refused_with_the_cure(tmp_path):
    run(config(), tmp_path, stop_after=2)
    (checkpoint,) = (tmp_path / "checkpoints").glob("step_000002")
    for file in (checkpoint / "policy").iterdir():
        file.unlink()
    small_policy().save(checkpoint / "policy")
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    manifest["files"] = {name: digest for name, digest in manifest["files"].items() if "policy" not in name}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"does not fit model\.path = 'builtin:pocket': .*give the model that"):
        run(config(), tmp_path, attempt=2)


def test_a_checkpoint_of_the_other_adamw_goes_on_with_its_moments(tmp_path):
    run(config(), tmp_path, stop_after=2)
    other = config(optimizer={"kind": "adamw_bf16"})
    assert run(other, tmp_path, attempt=2).of(RunStarted)[0].resumed_from_step == 2
