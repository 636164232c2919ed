"""Shapes against the models that transformers builds of them, on a device that holds no numbers."""

from __future__ import annotations

import pytest
import torch
import transformers

from arpo_engine.contract.plan.known_models import POCKET, QWEN2, QWEN2_5, QWEN3
from arpo_engine.contract.plan.shapes import ModelShape, shape_from
from arpo_engine.models.families import FAMILIES
from benchmarks.gpu_models import LENGTHS, TINY, config_of, random_group, random_policy

KNOWN = {
    "Qwen2-VL-2B": QWEN2["2B"],
    "Qwen2-VL-7B": QWEN2["7B"],
    "Qwen2.5-VL-3B": QWEN2_5["3B"],
    "Qwen2.5-VL-7B": QWEN2_5["7B"],
    **{f"Qwen3-VL-{size}": QWEN3[size] for size in ("2B", "4B", "8B")},
    "pocket": POCKET,
}


@pytest.mark.parametrize("shape", KNOWN.values(), ids=KNOWN)
def test_a_known_shape_has_as_many_parameters_as_the_model_that_transformers_builds(shape: ModelShape):
    config = config_of(shape, {})
    with torch.device("meta"):
        model = getattr(transformers, FAMILIES[shape.kind].architecture)(config)
    assert sum(weight.numel() for weight in model.parameters()) == shape.parameters
    assert sum(weight.numel() for weight in model.model.visual.parameters()) == shape.vision
    assert shape_from(config.to_dict()) == shape, "what config.json says is read back as the same shape"


def test_random_episodes_are_as_long_as_they_are_called():
    policy = random_policy(TINY, "cpu", torch.float32)
    group = random_group(policy, LENGTHS["tiny"], 2)
    assert [member.advantage for member in group.members] == [-1.0, 1.0]
    (first, second) = (member.trajectory for member in group.members)
    assert first.tokens == second.tokens == 3 * 6
    assert not (first.steps[0].pixels == second.steps[0].pixels).all()
    (short,), (long,) = (random_group(policy, LENGTHS[name], 1).members for name in ("4k", "43k"))
    assert 3_900 < short.trajectory.computed_tokens < 4_500
    assert 42_000 < long.trajectory.computed_tokens < 43_500
