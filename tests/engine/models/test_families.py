"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL: our passes, positions and patches against those of transformers, by numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from arpo_engine.contract.errors import ModelError
from arpo_engine.models import language, vision
from arpo_engine.models.families import FAMILIES
from arpo_engine.models.image_settings import read_patch_format
from arpo_engine.models.patches import PatchFormat, processor_patches, raw_patches, resized
from arpo_engine.models.policy import Policy
from arpo_engine.models.positions import mrope_positions
from tests.engine.families import KINDS, family_policy, shared_family_policy, stock_logprobs
from tests.engine.policies import play_many, screenshots

CLOSE = 1e-4
"""Largest difference, relative to the largest number."""

each_family = pytest.mark.parametrize("kind", KINDS)


def relative(ours: torch.Tensor, stock: torch.Tensor) -> float:
    return float((ours - stock).abs().max() / stock.abs().max())


@each_family
def test_logprobs_of_several_screenshots_equal_the_stock_forward(kind: str):
    policy = shared_family_policy(kind)
    trajectories = play_many(policy, [1, 4, 2])
    with torch.no_grad():
        replies = policy.reply_logprobs(trajectories)
        for row, trajectory in enumerate(trajectories):
            assert relative(replies.logprobs[row][replies.mask[row]], stock_logprobs(policy, trajectory)) < CLOSE / 10


@each_family
def test_sampling_in_batches_with_a_cache_says_the_logprobs_of_the_stock_forward(kind: str):
    policy = shared_family_policy(kind)
    with torch.no_grad():
        for trajectory in play_many(policy, [3, 1, 4, 2]):
            said = torch.tensor([value for step in trajectory.steps for value in step.reply_logprobs])
            assert relative(said, stock_logprobs(policy, trajectory)) < CLOSE / 10


@each_family
def test_gradients_equal_those_of_the_stock_forward(kind: str):
    ours, stock = family_policy(kind), family_policy(kind)
    (trajectory,) = play_many(shared_family_policy(kind), [3])
    replies = ours.reply_logprobs([trajectory])
    replies.logprobs[replies.mask].sum().backward()
    stock_logprobs(stock, trajectory).sum().backward()
    expected = {name: weight.grad for name, weight in stock.weights().items()}
    assert {name for name, weight in ours.weights().items() if weight.grad is None} == set()
    for name, weight in ours.weights().items():
        assert weight.grad is not None
        assert relative(weight.grad, expected[name]) < CLOSE, name


@each_family
def test_the_batched_vision_pass_equals_the_stock_one(kind: str):
    policy = shared_family_policy(kind)
    visual, form = policy.module.model.visual, policy.chat.patches
    patches = raw_patches([resized(frame, form.limits) for frame in screenshots(3, size=(448, 224))], form)
    grid = (form.merge * form.grid(448, 224)[0], form.merge * form.grid(448, 224)[1])
    with torch.no_grad():
        ours, stock = vision.batched(visual, patches, grid, form), vision.stock(visual, patches, grid, form)
    levels = 3 if kind == "qwen3_vl" else 1
    assert ours.shape == stock.shape == (3, patches.shape[1] // 4, 64 * levels)
    assert relative(ours, stock) < CLOSE / 10


@each_family
def test_the_stock_language_model_is_used_where_the_fast_pass_does_not_fit(kind: str, monkeypatch: pytest.MonkeyPatch):
    policy = shared_family_policy(kind)
    trajectories = play_many(policy, [1, 3])
    with torch.no_grad():
        fast = policy.reply_logprobs(trajectories).logprobs
        monkeypatch.setattr(language, "fits", lambda *_: False)
        slow = policy.reply_logprobs(trajectories).logprobs
    assert relative(fast, slow) < CLOSE / 10


def test_a_deepstack_that_reaches_the_last_layer_is_left_to_the_stock_model():
    policy = shared_family_policy("qwen3_vl")
    assert policy.fits_fast_pass
    assert not language.fits(policy.language, deepstack_levels=policy.language.config.num_hidden_layers)


@each_family
def test_positions_equal_the_stock_models(kind: str):
    policy = shared_family_policy(kind)
    chat = policy.chat
    sizes = [(224, 168), (128, 320)]
    ids = [*chat.opening_ids("You", "Turn on", sizes[0]), *chat.reply_ids("Save"), *chat.turn_ids(sizes[1])]
    grids = [chat.patches.grid(*size) for size in sizes]
    row = torch.tensor([ids])
    thw = torch.tensor([[1, 2 * rows, 2 * columns] for rows, columns in grids])
    stock, _ = policy.module.model.get_rope_index(row, (row == chat.image_id).int(), thw)
    ours, following = mrope_positions(ids, grids, chat.image_id)
    assert torch.equal(torch.from_numpy(ours), stock[:, 0])
    assert following == int(stock.max()) + 1


@each_family
@pytest.mark.parametrize("size", [(224, 168), (300, 200), (1920, 1080)])
def test_patches_equal_the_stock_processors(kind: str, size: tuple[int, int]):
    family = FAMILIES[kind]
    form = PatchFormat(limits=family.limits, patch=family.patch, mean=family.mean, std=family.std)
    frames = screenshots(1, size=size)
    ours = processor_patches(raw_patches([resized(frame, form.limits) for frame in frames], form), form)
    processor = Qwen2VLImageProcessorPil(
        size={"shortest_edge": family.limits.min_pixels, "longest_edge": family.limits.max_pixels},
        patch_size=family.patch,
        image_mean=family.mean,
        image_std=family.std,
    )
    stock = processor(images=frames, return_tensors="pt")
    assert torch.allclose(ours.flatten(0, 1), stock["pixel_values"], atol=2e-6)
    rows, columns = form.grid(*size)
    assert stock["image_grid_thw"].tolist() == [[1, 2 * rows, 2 * columns]]


@each_family
def test_an_export_is_read_by_the_stock_class_and_by_us(kind: str, tmp_path: Path):
    policy = shared_family_policy(kind)
    policy.save(tmp_path / "p")
    stock = getattr(transformers, FAMILIES[kind].architecture).from_pretrained(tmp_path / "p")
    assert all(map(torch.equal, stock.parameters(), policy.weights().values()))
    again = Policy.load(tmp_path / "p")
    assert again.family is FAMILIES[kind]
    assert again.chat.patches == policy.chat.patches
    processor = Qwen2VLImageProcessorPil.from_pretrained(tmp_path / "p")
    assert (processor.patch_size, tuple(processor.image_mean)) == (policy.chat.patches.patch, policy.chat.patches.mean)


def test_a_folder_in_the_old_form_of_the_hub_is_read(tmp_path: Path):
    """UI-TARS 1.0 is published with a flat config.json and with names of before transformers 5."""
    policy = shared_family_policy("qwen2_vl")
    policy.save(tmp_path)
    names = set(load_file(tmp_path / "model.safetensors"))
    assert {"model.layers.0.self_attn.q_proj.weight", "visual.blocks.0.attn.qkv.weight"} <= names
    config = json.loads((tmp_path / "config.json").read_text())
    text = config.pop("text_config")
    text["rope_scaling"] = {"type": "mrope", "mrope_section": text.pop("rope_parameters")["mrope_section"]}
    flat = {**{key: value for key, value in text.items() if key not in ("model_type", "layer_types")}, **config}
    (tmp_path / "config.json").write_text(json.dumps({**flat, "rope_theta": 10000.0}))
    again = Policy.load(tmp_path)
    assert all(map(torch.equal, again.weights().values(), policy.weights().values()))


def test_image_settings_of_a_saved_processor_are_found(tmp_path: Path):
    shared_family_policy("qwen3_vl").save(tmp_path)
    settings = json.loads((tmp_path / "preprocessor_config.json").read_text())
    (tmp_path / "preprocessor_config.json").unlink()
    nested = {"processor_class": "Qwen3VLProcessor", "image_processor": {**settings, "max_pixels": 320 * 320}}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    form = read_patch_format(tmp_path)
    assert (form.patch, form.limits.max_pixels, form.limits.factor) == (16, 320 * 320, 32)


@each_family
def test_what_a_folder_does_not_say_is_as_its_family_has_it(kind: str, tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    form, family = read_patch_format(tmp_path), FAMILIES[kind]
    assert (form.patch, form.limits, form.mean, form.std) == (family.patch, family.limits, family.mean, family.std)


def test_image_settings_of_another_model_are_refused(tmp_path: Path):
    shared_family_policy("qwen3_vl").save(tmp_path / "p")
    shared_family_policy("qwen2_vl").save(tmp_path / "other")
    (tmp_path / "other" / "preprocessor_config.json").replace(tmp_path / "p" / "preprocessor_config.json")
    with pytest.raises(ModelError, match="cut with patch_size 14, its vision tower reads 16; take preprocessor_config"):
        Policy.load(tmp_path / "p")


@pytest.mark.parametrize("kind", ["llama", "qwen3_vl_moe", None, ["qwen2_vl"]])
def test_an_unknown_kind_of_model_is_refused_with_those_that_are_known(kind: object, tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=r"Qwen2-VL \(qwen2_vl\), Qwen2.5-VL \(qwen2_5_vl\), Qwen3-VL \(qwen3_vl\)"):
        Policy.load(tmp_path)
