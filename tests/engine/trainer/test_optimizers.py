"""AdamW with bfloat16 moments against AdamW, and what its third number is for."""

from __future__ import annotations

import copy

import pytest
import torch

from arpo_engine.contract.config.parts import OptimizerConfig
from arpo_engine.trainer.optimizers import AdamWBf16, build_optimizer, load_moments


def after(config: OptimizerConfig, dtype: torch.dtype, steps: int, gradient: float = 0.25) -> torch.Tensor:
    weight = torch.nn.Parameter(torch.full((4,), 1.0, dtype=dtype))
    optimizer = build_optimizer([weight], config)
    for _ in range(steps):
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()
    return weight.detach().float()


def test_the_kind_chooses_the_optimizer_and_eps_reaches_it():
    made = build_optimizer([torch.nn.Parameter(torch.ones(1))], OptimizerConfig(eps=1e-6))
    assert (type(made), made.defaults["eps"]) == (torch.optim.AdamW, 1e-6)
    assert type(build_optimizer([torch.nn.Parameter(torch.ones(1))], OptimizerConfig(kind="adamw_bf16"))) is AdamWBf16


def test_one_update_is_that_worked_out_by_hand():
    # Both moments, corrected, give a step of lr; weight decay takes lr · 0.1 of the weight first.
    config = OptimizerConfig(kind="adamw_bf16", lr=0.5, weight_decay=0.1, eps=1e-12)
    assert after(config, torch.float32, 1).tolist() == pytest.approx([1.0 - 0.05 - 0.5] * 4, rel=1e-2)


def test_it_follows_adamw_within_the_rounding_of_its_moments():
    plain = after(OptimizerConfig(lr=1e-2), torch.float32, 20)
    small = after(OptimizerConfig(kind="adamw_bf16", lr=1e-2), torch.float32, 20)
    assert small.tolist() == pytest.approx(plain.tolist(), abs=0.02)


def test_steps_below_the_rounding_of_a_bfloat16_weight_add_up_where_adamw_loses_them():
    settings = {"lr": 1e-3, "weight_decay": 0.0}
    assert after(OptimizerConfig(**settings), torch.bfloat16, 8).tolist() == [1.0] * 4
    moved = after(OptimizerConfig(kind="adamw_bf16", **settings), torch.bfloat16, 8)
    assert moved.tolist() == pytest.approx([1.0 - 8e-3] * 4, abs=4e-3)
    assert max(moved.tolist()) < 1.0


def test_a_saved_state_goes_on_exactly():
    config = OptimizerConfig(kind="adamw_bf16", lr=1e-2)
    first, second = (torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    one, other = build_optimizer([first], config), build_optimizer([second], config)

    def step(optimizer: torch.optim.Optimizer, weight: torch.nn.Parameter, gradient: float) -> None:
        weight.grad = torch.full_like(weight, gradient)
        optimizer.step()

    step(one, first, 0.3)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    second.data.copy_(first.data)
    assert {value.dtype for name, value in other.state[second].items() if name != "step"} == {torch.bfloat16}
    step(one, first, -0.7)
    step(other, second, -0.7)
    assert torch.equal(first, second)


def test_a_weight_without_a_gradient_stays():
    weight = torch.nn.Parameter(torch.ones(2))
    build_optimizer([weight], OptimizerConfig(kind="adamw_bf16")).step()
    assert weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("before", "after_it"), [("adamw", "adamw_bf16"), ("adamw_bf16", "adamw")])
def test_a_checkpoint_of_one_kind_goes_on_as_the_other(before: str, after_it: str):
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(3)]
    first, stayed = (build_optimizer([weights[place]], OptimizerConfig(kind=before, lr=1e-2)) for place in (0, 2))
    changed = build_optimizer([weights[1]], OptimizerConfig(kind=after_it, lr=1e-2))

    def step(optimizer: torch.optim.Optimizer, weight: torch.nn.Parameter) -> None:
        weight.grad = torch.full_like(weight, 0.3)
        optimizer.step()

    for _ in range(3):
        step(first, weights[0])
    saved = copy.deepcopy(first.state_dict())
    for weight in weights[1:]:
        weight.data.copy_(weights[0].data)
    assert load_moments(changed, saved)
    assert not load_moments(stayed, saved)
    step(changed, weights[1])
    step(stayed, weights[2])
    assert weights[1].tolist() == pytest.approx(weights[2].tolist(), abs=2e-3)
    names = {"step", "exp_avg", "exp_avg_sq", *(["lost"] if after_it == "adamw_bf16" else [])}
    assert set(changed.state[weights[1]]) == names
    # What it saves is now its own kind's.
    assert not load_moments(changed, copy.deepcopy(changed.state_dict()))


def test_a_state_without_a_step_fits_both_kinds():
    weight = torch.nn.Parameter(torch.ones(2))
    empty = build_optimizer([weight], OptimizerConfig()).state_dict()
    assert not load_moments(build_optimizer([weight], OptimizerConfig(kind="adamw_bf16")), empty)
