"""An adapter learns beside weights that stay as they are: what it adds, what is saved of it, and how it is merged."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from arpo_engine.contract.config.parts import LoraConfig, ModelConfig
from arpo_engine.contract.errors import ModelError
from arpo_engine.models.counting import count_learnt, count_parameters
from arpo_engine.models.families import FAMILIES
from arpo_engine.models.policy import Policy
from arpo_engine.types import Trajectory
from tests.engine.families import KINDS, family_policy, shared_family_policy, stock_logprobs
from tests.engine.policies import play_many

each_family = pytest.mark.parametrize("kind", KINDS)
needs_peft = pytest.importorskip("peft")


def adapted(kind: str, base: Path | str = "builtin:pocket", *, freeze_vision: bool = False, **lora: Any) -> Policy:
    """A policy whose adapter adds something: freshly made, it adds nothing."""
    policy = family_policy(kind)
    config = LoraConfig(**{"rank": 4, "alpha": 8.0, **lora})
    policy.train_only(ModelConfig(path=str(base), freeze_vision=freeze_vision, lora=config), seed=0)
    assert policy.adapter is not None
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for matrix in policy.adapter.matrices().values():
            matrix.add_(torch.randn(matrix.shape, generator=noise) * 0.1)
    return policy


def logprobs(policy: Policy, played: list[Trajectory]) -> torch.Tensor:
    with torch.no_grad():
        return policy.reply_logprobs(played).logprobs


@each_family
def test_a_fresh_adapter_adds_nothing_and_only_it_learns(kind: str):
    policy, plain = family_policy(kind), shared_family_policy(kind)
    policy.train_only(ModelConfig(lora=LoraConfig(rank=4)), seed=0)
    played = play_many(plain, [2])
    assert torch.equal(logprobs(policy, played), logprobs(plain, played))
    names = {name for name, weight in policy.module.named_parameters() if weight.requires_grad}
    assert names and all(".lora_" in name for name in names)
    assert any("visual" in name for name in names)
    assert len(policy.trained()) == len(names) == len(policy.adapter.matrices())


@each_family
def test_learning_and_sampling_use_the_adapter_as_the_stock_forward_does(kind: str):
    policy = adapted(kind)
    played = play_many(policy, [3, 1])
    assert (logprobs(policy, played) - logprobs(shared_family_policy(kind), played)).abs().max() > 0.1
    with torch.no_grad():
        for row, trajectory in enumerate(played):
            said = torch.tensor([value for step in trajectory.steps for value in step.reply_logprobs])
            stock = stock_logprobs(policy, trajectory)
            assert (said - stock).abs().max() < 1e-4
            assert (logprobs(policy, played)[row][: len(said)] - stock).abs().max() < 1e-4


@each_family
def test_gradients_reach_every_matrix_and_no_weight(kind: str):
    policy = adapted(kind)
    replies = policy.reply_logprobs(play_many(policy, [2]))
    replies.logprobs.sum().backward()
    for name, weight in policy.module.named_parameters():
        assert (weight.grad is not None) == (".lora_" in name), name


@each_family
def test_switched_off_it_is_the_model_that_it_began_with_and_switched_on_again_it_learns(kind: str):
    policy = adapted(kind)
    played = play_many(policy, [2])
    assert policy.adapter is not None
    before = logprobs(policy, played)
    with policy.adapter.switched_off():
        assert torch.equal(logprobs(policy, played), logprobs(shared_family_policy(kind), played))
    assert torch.equal(logprobs(policy, played), before)
    assert all(matrix.requires_grad for matrix in policy.adapter.matrices().values())


@each_family
def test_an_export_is_a_plain_folder_with_the_adapter_merged(kind: str, tmp_path: Path):
    policy = adapted(kind)
    played = play_many(policy, [2])
    weights = {name: weight.clone() for name, weight in policy.module.state_dict().items()}
    policy.export(tmp_path / "merged")
    assert all(torch.equal(weights[name], weight) for name, weight in policy.module.state_dict().items())
    stock = getattr(transformers, FAMILIES[kind].architecture).from_pretrained(tmp_path / "merged")
    assert {name for name, _ in stock.named_parameters()} == set(shared_family_policy(kind).weights())
    assert not (tmp_path / "merged" / "adapter_config.json").exists()
    again = Policy.load(tmp_path / "merged")
    assert (logprobs(again, played) - logprobs(policy, played)).abs().max() < 1e-4


@each_family
def test_whoever_knows_no_adapter_is_given_the_model_with_it_merged(kind: str):
    policy, plain = adapted(kind), shared_family_policy(kind)
    played = play_many(policy, [2])
    given = policy.plain_weights()
    assert set(given) == set(plain.weights()) == set(plain.plain_weights())
    elsewhere = family_policy(kind)
    with torch.no_grad():
        for name, weight in elsewhere.weights().items():
            weight.copy_(given[name])
    assert (logprobs(elsewhere, played) - logprobs(policy, played)).abs().max() < 1e-4


@each_family
def test_a_saved_adapter_is_small_and_is_read_with_its_model_by_us_and_by_peft(kind: str, tmp_path: Path):
    shared_family_policy(kind).save(tmp_path / "base")
    policy = adapted(kind, tmp_path / "base")
    played = play_many(policy, [2])
    policy.save(tmp_path / "adapter")
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    ours = Policy.load(tmp_path / "adapter")
    assert (logprobs(ours, played) - logprobs(policy, played)).abs().max() < 1e-4
    stock = getattr(transformers, FAMILIES[kind].architecture).from_pretrained(tmp_path / "base")
    theirs = needs_peft.PeftModel.from_pretrained(stock, tmp_path / "adapter").merge_and_unload()
    again = Policy(theirs.eval(), policy.tokenizer, policy.chat.patches)
    assert (logprobs(again, played) - logprobs(policy, played)).abs().max() < 1e-4


def test_an_adapter_is_taken_over_in_place_and_exactly(tmp_path: Path):
    first = adapted("qwen2_vl")
    first.save(tmp_path / "a")
    second = family_policy("qwen2_vl")
    second.train_only(ModelConfig(lora=LoraConfig(rank=4, alpha=8.0)), seed=5)
    assert first.adapter is not None and second.adapter is not None
    places = [weight.data_ptr() for weight in second.trained()]
    second.load_weights(tmp_path / "a")
    assert [weight.data_ptr() for weight in second.trained()] == places
    assert all(map(torch.equal, first.adapter.matrices().values(), second.adapter.matrices().values()))


@pytest.mark.parametrize(
    ("change", "said"),
    [({"rank": 2}, "another shape"), ({"targets": ("q_proj",)}, "another shape"), ({"freeze_vision": True}, "another")],
)
def test_an_adapter_of_another_shape_is_refused(change: dict[str, Any], said: str, tmp_path: Path):
    adapted("qwen2_vl").save(tmp_path / "a")
    with pytest.raises(ModelError, match=said):
        adapted("qwen2_vl", **change).load_weights(tmp_path / "a")


def test_weights_and_adapters_are_not_taken_for_one_another(tmp_path: Path):
    adapted("qwen2_vl").save(tmp_path / "a")
    shared_family_policy("qwen2_vl").save(tmp_path / "w")
    with pytest.raises(ModelError, match="holds an adapter, and this run trains weights"):
        family_policy("qwen2_vl").load_weights(tmp_path / "a")
    with pytest.raises(ModelError, match="holds whole weights, and this run trains an adapter"):
        adapted("qwen2_vl").load_weights(tmp_path / "w")


def test_an_adapter_of_bfloat16_weights_is_float32(tmp_path: Path):
    shared_family_policy("qwen2_vl").save(tmp_path / "base")
    policy = Policy.load(tmp_path / "base", dtype="bfloat16")
    policy.train_only(ModelConfig(lora=LoraConfig(rank=4)), seed=0)
    assert {weight.dtype for weight in policy.trained()} == {torch.float32}
    played = play_many(policy, [2])
    assert logprobs(policy, played).isfinite().all()
    policy.export(tmp_path / "merged")
    assert Policy.load(tmp_path / "merged", dtype="bfloat16").module.dtype == torch.bfloat16


def test_dropout_drops_while_it_learns_alike_for_the_same_seed_and_never_else():
    policy = adapted("qwen2_vl", dropout=0.5)
    played = play_many(policy, [2])
    assert policy.adapter is not None and policy.adapter.drops
    plain = logprobs(policy, played)
    dropped = []
    state = torch.get_rng_state()
    for seed in (1, 1, 2):
        with policy.adapter.dropping_out(seed):
            dropped.append(logprobs(policy, played))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(dropped[0], dropped[1])
    assert not torch.equal(dropped[0], dropped[2])
    assert not torch.equal(dropped[0], plain)
    assert torch.equal(logprobs(policy, played), plain)


def test_targets_choose_layers_and_a_frozen_tower_keeps_its_own():
    few = adapted("qwen2_5_vl", targets=("q_proj", "gate_proj"), freeze_vision=True)
    assert few.adapter is not None
    layers = {name.partition(".lora_")[0] for name in few.adapter.matrices()}
    assert {layer.rpartition(".")[2] for layer in layers} == {"q_proj", "gate_proj"}
    assert all(layer.startswith("model.language_model.") for layer in layers)
    assert len(layers) == 2 * few.language.config.num_hidden_layers


@each_family
@pytest.mark.parametrize("change", [{}, {"freeze_vision": True}, {"targets": ("q_proj", "o_proj", "up_proj")}])
def test_what_learns_is_counted_before_it_is_loaded(kind: str, change: dict[str, Any], tmp_path: Path):
    shared_family_policy(kind).save(tmp_path)
    policy = adapted(kind, tmp_path, **change)
    freeze = bool(change.get("freeze_vision", False))
    lora = LoraConfig(rank=4, **({} if freeze else change))
    model = ModelConfig(path=str(tmp_path), freeze_vision=freeze, lora=lora)
    assert count_learnt(tmp_path, model) == sum(weight.numel() for weight in policy.trained())


def test_an_unknown_layer_is_refused_with_those_that_there_are():
    with pytest.raises(ModelError, match=r"'query', and this model has no such layer; known: all-linear, down_proj"):
        adapted("qwen2_vl", targets=("query",), freeze_vision=True)


def test_without_peft_the_cure_is_said(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "peft":
            raise ImportError(name)
        return real(name, *rest, **more)

    policy = family_policy("qwen2_vl")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModelError, match=r"peft is not installed; run \./arpo setup"):
        policy.train_only(ModelConfig(lora=LoraConfig(rank=4)), seed=0)


def test_an_adapter_on_an_adapter_is_counted_as_the_model_below_both(tmp_path: Path):
    shared_family_policy("qwen2_vl").save(tmp_path / "base")
    adapted("qwen2_vl", tmp_path / "base").save(tmp_path / "first")
    adapted("qwen2_vl", tmp_path / "first").save(tmp_path / "second")
    whole = count_parameters(tmp_path / "base")
    assert count_parameters(tmp_path / "first") == count_parameters(tmp_path / "second") == whole


def test_an_adapter_of_itself_is_refused(tmp_path: Path):
    adapted("qwen2_vl", tmp_path).save(tmp_path / "a")
    settings = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    written = {**settings, "base_model_name_or_path": str(tmp_path / "a")}
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(written))
    with pytest.raises(ModelError, match="an adapter of itself; name its model"):
        Policy.load(tmp_path / "a")


def test_an_adapter_whose_model_is_gone_names_it(tmp_path: Path):
    shared_family_policy("qwen2_vl").save(tmp_path / "base")
    adapted("qwen2_vl", tmp_path / "base").save(tmp_path / "a")
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=r"is an adapter of .*base', which cannot be had"):
        Policy.load(tmp_path / "a")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("use_dora", True, "use_dora"),
        ("alpha_pattern", {"q_proj": 2}, "alpha_pattern"),
        ("fan_in_fan_out", True, "fan_in_fan_out"),
        ("lora_bias", True, "lora_bias"),
        ("peft_type", "IA3", "peft_type 'IA3'"),
        ("r", 4, None),
    ],
)
def test_a_foreign_adapter_is_merged_only_if_it_is_plain(key: str, value: object, said: str | None, tmp_path: Path):
    shared_family_policy("qwen2_vl").save(tmp_path / "base")
    adapted("qwen2_vl", tmp_path / "base").save(tmp_path / "a")
    settings = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({**settings, key: value}))
    if said is None:
        assert Policy.load(tmp_path / "a")
        return
    with pytest.raises(ModelError, match=said):
        Policy.load(tmp_path / "a")


def test_what_an_adapter_holds_beside_its_pairs_is_not_passed_over(tmp_path: Path):
    shared_family_policy("qwen2_vl").save(tmp_path / "base")
    adapted("qwen2_vl", tmp_path / "base").save(tmp_path / "a")
    file = tmp_path / "a" / "adapter_model.safetensors"
    added = "base_model.model.model.language_model.embed_tokens.lora_embedding_A"
    save_file({**load_file(file), added: torch.ones(4, 4)}, file)
    with pytest.raises(ModelError, match=r"holds .*lora_embedding_A, .*merge_and_unload"):
        Policy.load(tmp_path / "a")
