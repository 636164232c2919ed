"""A policy's folder is a complete Hugging Face folder, written whole or not at all; a bad one is refused in words."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration

from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.resize import PixelLimits
from arpo_engine.models import folder as folders
from arpo_engine.models import image_settings
from arpo_engine.models.patches import PatchFormat
from arpo_engine.models.pocket.build import build_policy
from arpo_engine.models.policy import Policy
from tests.engine.policies import SMALL, WORDS, play_many, shared_policy, small_policy


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    shared_policy().save(tmp_path / "policy")
    return tmp_path / "policy"


def test_a_saved_policy_is_read_by_the_stock_classes(saved: Path):
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(saved)
    tokenizer = AutoTokenizer.from_pretrained(saved)
    own = shared_policy()
    assert all(torch.equal(left, right) for left, right in zip(model.parameters(), own.weights().values(), strict=True))
    text = "Thought: click WiFi\nAction: click(start_box='(84,70)')"
    assert tokenizer.encode(text) == list(own.chat.encode(text))
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_its_chat_template_writes_what_the_chat_format_writes(saved: Path):
    tokenizer = AutoTokenizer.from_pretrained(saved)
    messages = [
        {"role": "system", "content": "You are a GUI agent."},
        {"role": "user", "content": [{"type": "text", "text": "Turn on WiFi"}]},
        {"role": "user", "content": [{"type": "image"}]},
        {"role": "assistant", "content": "Thought: done"},
        {"role": "user", "content": [{"type": "image"}]},
    ]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    chat = shared_policy().chat
    ids = [
        *chat.opening_ids("You are a GUI agent.", "Turn on WiFi", (28, 28 * 4)),
        *chat.reply_ids("Thought: done"),
        *chat.turn_ids((28, 28 * 4)),
    ]
    assert text.replace("<|image_pad|>", "<|image_pad|>" * 4) == tokenizer.decode(ids, skip_special_tokens=False)


def test_what_is_saved_samples_the_same(saved: Path):
    again = Policy.load(saved)
    assert play_many(again, [2])[0].steps[1].reply_ids == play_many(shared_policy(), [2])[0].steps[1].reply_ids


def test_weights_of_another_model_are_refused_with_what_is_odd(tmp_path: Path):
    """Fewer layers, and as many of another width."""
    policy = small_policy()
    for number, shape in enumerate((replace(SMALL, layers=1), replace(SMALL, intermediate=48))):
        other = build_policy(WORDS, shape, seed=0)
        other.save(tmp_path / str(number))
    before = {name: weight.clone() for name, weight in policy.weights().items()}
    with pytest.raises(ModelError, match=r"is another model: .* weights are not in both.* only this policy has"):
        policy.load_weights(tmp_path / "0")
    with pytest.raises(ModelError, match=r"has .* of shape .*give a folder of the same model"):
        policy.load_weights(tmp_path / "1")
    assert all(torch.equal(weight, before[name]) for name, weight in policy.weights().items())


def test_image_settings_survive(tmp_path: Path):
    form = PatchFormat(limits=PixelLimits(min_pixels=784, max_pixels=78400))
    Policy(shared_policy().module, shared_policy().tokenizer, form).save(tmp_path / "p")
    assert Policy.load(tmp_path / "p").chat.patches == form


def test_saving_rounds_the_copy_only(tmp_path: Path):
    policy = small_policy()
    policy.save(tmp_path / "p", dtype="bfloat16")
    assert policy.module.dtype == torch.float32
    assert Policy.load(tmp_path / "p", dtype="bfloat16").module.dtype == torch.bfloat16


def test_saving_over_a_folder_replaces_it_and_leaves_nothing_behind(saved: Path):
    (saved / "stale.txt").write_text("old")
    shared_policy().save(saved)
    assert not (saved / "stale.txt").exists()
    assert [path.name for path in saved.parent.iterdir()] == ["policy"]


def test_a_save_that_fails_keeps_the_old_folder(saved: Path, monkeypatch: pytest.MonkeyPatch):
    def full_disk(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(image_settings, "write_patch_format", full_disk)
    with pytest.raises(OSError, match="No space"):
        shared_policy().save(saved)
    assert Policy.load(saved).module is not None
    assert [path.name for path in saved.parent.iterdir()] == ["policy"]


def test_weights_are_taken_over_in_place_and_exactly(saved: Path):
    policy = small_policy(seed=3)
    before = {name: weight.data_ptr() for name, weight in policy.weights().items()}
    policy.load_weights(saved)
    assert {name: weight.data_ptr() for name, weight in policy.weights().items()} == before
    assert all(torch.equal(weight, shared_policy().weights()[name]) for name, weight in policy.weights().items())


def break_nothing(folder: Path) -> str:
    shutil.rmtree(folder)
    return str(folder)


def no_config(folder: Path) -> str:
    (folder / "config.json").unlink()
    return str(folder)


def other_kind(folder: Path) -> str:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    return str(folder)


def torn_config(folder: Path) -> str:
    (folder / "config.json").write_text('{"model_type": ')
    return str(folder)


def list_config(folder: Path) -> str:
    (folder / "config.json").write_text("[]")
    return str(folder)


def no_weights(folder: Path) -> str:
    (folder / "model.safetensors").unlink()
    return str(folder)


def no_tokenizer(folder: Path) -> str:
    (folder / "tokenizer.json").unlink()
    return str(folder)


def torn_weights(folder: Path) -> str:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    return str(folder)


def other_shape(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] += 1
    config["text_config"]["layer_types"] = ["full_attention"] * config["text_config"]["num_hidden_layers"]
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (break_nothing, "no such folder"),
        (no_config, "no config.json"),
        (other_kind, "'llama' model; give one that can be trained here: Qwen2-VL"),
        (torn_config, "cannot be read as JSON"),
        (list_config, "holds a list"),
        (no_weights, r"no \*.safetensors"),
        (no_tokenizer, "no tokenizer.json"),
        (torn_weights, "cannot be loaded"),
        (other_shape, "lacks"),
    ],
)
def test_a_bad_folder_is_refused_with_the_cure(saved: Path, damage, said: str):
    with pytest.raises(ModelError, match=said):
        Policy.load(damage(saved))


@pytest.mark.parametrize("path", ["builtin:nothing", "no/such/folder", "~/nowhere"])
def test_an_unknown_name_is_refused(path: str):
    with pytest.raises(ModelError, match=r"built-in policy|no such folder"):
        Policy.load(path)


def test_a_hub_name_that_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch):
    def offline(name: str) -> str:
        raise OSError("offline")

    monkeypatch.setattr(folders, "snapshot_download", offline)
    with pytest.raises(ModelError, match="check the name and the network"):
        Policy.load("someone/some-model")


def test_the_shipped_policy_loads_and_is_small():
    policy = Policy.load("builtin:pocket")
    folder = folders.locate("builtin:pocket")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 10_000_000
    reply = policy.chat.reply_ids("Thought: click Save\nAction: click(start_box='(14,42)')")
    assert len(reply) == 9
