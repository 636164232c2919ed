"""What was read can be written back, in either spelling, and means the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from arpo_engine.contract.config import load_config
from arpo_engine.contract.config.verl import import_verl, write_verl
from tests.contract.verl.scripts import FULL128, SUBSET32, with_words
from tests.contract.verl.test_verdicts import base_config


@pytest.mark.parametrize("spelling", ["arpo", "easyr1"])
@pytest.mark.parametrize("text", [SUBSET32, FULL128], ids=["subset32", "full128"])
def test_a_run_goes_there_and_back_unchanged(text: str, spelling: str) -> None:
    imported = import_verl(text)
    written = write_verl(imported.ready(), imported=imported, spelling=spelling)
    again = import_verl(written.command())
    assert again.ready() == imported.ready()
    values = {key: setting.value for key, setting in imported.reading.settings.items() if setting.origin != "default"}
    assert {key: setting.value for key, setting in again.reading.settings.items() if key in values} == values
    assert written.left_out == ()
    assert (f"trainer.total_{'epochs' if spelling == 'easyr1' else 'episodes'}=15") in written.command()


def test_the_base_config_keeps_its_placeholders() -> None:
    imported = import_verl(base_config())
    words = dict(write_verl(imported.ready(), imported=imported).words)
    assert words["data.train_files"] == "hiyouga/math12k@train"
    assert words["algorithm.use_kl_loss"] is True


@pytest.mark.parametrize("spelling", ["arpo", "easyr1"])
def test_a_config_file_goes_back_as_a_file(spelling: Literal["arpo", "easyr1"]) -> None:
    imported = import_verl(base_config())
    text = write_verl(imported.ready(), imported=imported, spelling=spelling).yaml()
    assert import_verl(text).ready() == imported.ready()
    if spelling == "arpo":
        assert yaml.safe_load(text) == yaml.safe_load(base_config())


def test_a_text_with_blanks_is_quoted() -> None:
    imported = import_verl(SUBSET32)
    assert (
        "data.format_prompt='You are helpful assistant.'" in write_verl(imported.ready(), imported=imported).command()
    )


def test_what_was_changed_since_is_written_in_their_words() -> None:
    imported = import_verl(SUBSET32)
    changed = with_words(
        "rollout.group_size=4", "algorithm.kl.place=reward", "algorithm.kl.coef=0.02", "limits.steps=10", "seed=9",
        "validation.every_steps=0", "model.dtype=float32",
    ).ready()  # fmt: skip
    written = write_verl(changed, imported=imported)
    words = dict(written.words)
    assert (words["worker.rollout.n"], words["trainer.max_steps"], words["data.seed"]) == (4, 10, 9)
    assert (words["algorithm.disable_kl"], words["algorithm.use_kl_loss"]) == (False, False)
    assert (words["algorithm.kl_coef"], words["trainer.val_freq"]) == (0.02, -1)
    assert words["worker.actor.fsdp.torch_dtype"] is None
    assert import_verl(written.command()).ready().model_dump(exclude={"title"}) == changed.model_dump(exclude={"title"})


def test_a_config_of_ours_is_said_in_their_words_and_what_they_lack_is_named() -> None:
    written = write_verl(load_config(Path("configs/pocket_grpo.yaml")))
    words = dict(written.words)
    assert (words["worker.rollout.n"], words["data.rollout_batch_size"]) == (8, 8)
    assert words["data.train_files"] == "configs/tasks/pocket/train.json"
    left_out = " ".join(written.left_out)
    for told in ("replay off: there it is always on", "algorithm.mode=corrected", "optimizer.decay=cosine", "guard"):
        assert told in left_out
    assert import_verl(written.command()).refused == ()


@pytest.mark.parametrize("spelling", ["arpo", "easyr1"])
def test_every_setting_that_was_changed_is_written_or_named(spelling: Literal["arpo", "easyr1"]) -> None:
    words = {
        "optimizer.eps": 1e-6, "frames.sample_every": 3, "reward.format_weight": 0.2, "limits.minutes": 30.0,
        "algorithm.replay.admit_above": 0.5, "algorithm.loss.kind": "gspo", "algorithm.zero_variance": "drop",
        "algorithm.loss.aggregation": "token_mean", "optimizer.decay": "cosine", "optimizer.beta1": 0.8,
    }  # fmt: skip
    changed = with_words(*(f"{path}={value}" for path, value in words.items())).ready()
    written = write_verl(changed, imported=import_verl(SUBSET32), spelling=spelling)
    again = import_verl(written.command()).ready().model_dump(mode="json")
    kept = {path for path, value in words.items() if _at(again, path) == value}
    named = {line.partition("=")[0] for line in written.left_out}
    assert kept | named == set(words) and not kept & named
    later = {"algorithm.loss.kind", "algorithm.zero_variance", "algorithm.loss.aggregation", "optimizer.decay"}
    assert kept == {"optimizer.beta1"} | (later if spelling == "easyr1" else set())


def _at(tree: Any, path: str) -> Any:
    for name in path.split("."):
        tree = tree[name]
    return tree


def test_warmup_steps_come_back_as_the_same_number() -> None:
    for steps in (1, 5, 7, 29):
        ours = load_config(Path("configs/pocket_demo.yaml"), [f"optimizer.warmup_steps={steps}"])
        again = import_verl(write_verl(ours).command()).ready()
        assert again.optimizer.warmup_ratio is not None
        assert int(again.optimizer.warmup_ratio * again.limits.steps) == steps


def test_a_command_that_stood_alone_gets_no_config_file_under_it() -> None:
    imported = import_verl(SUBSET32.replace("    config=examples/config.yaml \\\n", ""))
    assert "config" not in imported.reading.settings
    written = write_verl(imported.ready(), imported=imported)
    assert "config=" not in written.command()
    assert import_verl(written.command()).ready() == imported.ready()


def test_mirrors_and_their_names_are_written_back() -> None:
    words = ("records.mirrors=[tensorboard]", "records.project=desks", "records.run_name=third")
    imported = import_verl(SUBSET32)
    written = dict(write_verl(with_words(*words).ready(), imported=imported).words)
    assert written["trainer.logger"] == ["tensorboard"]
    assert (written["trainer.project_name"], written["trainer.experiment_name"]) == ("desks", "third")


def test_a_logger_without_a_mirror_is_kept_on_the_way_back() -> None:
    imported = with_words("trainer.logger=[console,swanlab]")
    assert dict(write_verl(imported.ready(), imported=imported).words)["trainer.logger"] == ["console", "swanlab"]
    changed = with_words("trainer.logger=[console,swanlab]", "records.mirrors=[wandb]", "records.metric_names=ours")
    written = write_verl(changed.ready(), imported=imported)
    assert dict(written.words)["trainer.logger"] == ["wandb"]
    assert any("metric_names=ours" in line for line in written.left_out)
