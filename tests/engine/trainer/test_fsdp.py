"""Weights spread over 2 and 4 ranks learn what one process learns, and go on as 2 and as 1 from what 4 have saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.learner import LearnerConfig
from arpo_engine.contract.config.parts import ModelConfig
from arpo_engine.contract.errors import CheckpointError, ConfigError
from arpo_engine.trainer.fsdp import units
from arpo_engine.trainer.moments import read_moments
from tests.engine.policies import small_policy
from tests.engine.trainer.rank_script import CASES, go_on, groups, learner_of, policy_of

LONGEST_S = 500.0
Found = dict[str, Any]


def together(size: int, folder: Path) -> Found:
    command = [sys.executable, "-m", "tests.engine.trainer.rank_script"]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONWARNINGS": "ignore"}
    ranks = [subprocess.Popen([*command, str(rank), str(size), str(folder)], env=variables) for rank in range(size)]
    try:
        assert [rank.wait(LONGEST_S) for rank in ranks] == [0] * size
    finally:
        for rank in ranks:
            rank.kill()
    found: Found = json.loads((folder / f"found-{size}.json").read_text())
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ranks")
    small_policy().save(made / "small")
    small_policy(seed=1).save(made / "other")
    return made


@pytest.fixture(scope="module")
def four(folder: Path) -> Found:
    return together(4, folder)


@pytest.fixture(scope="module")
def two(four: Found, folder: Path) -> Found:
    return together(2, folder)


@pytest.mark.parametrize("case", CASES)
def test_four_ranks_have_the_gradient_of_one_process(four: Found, case: str):
    assert four[case]["gradient"] <= 1e-5
    assert four[case]["norm"] <= 1e-5


def test_passes_in_bfloat16_have_nearly_the_gradient_of_float32_masters(four: Found):
    assert 1e-5 < four["rounded"]["gradient"] < 0.1


@pytest.mark.parametrize("case", ["dense", "lora"])
def test_two_ranks_have_the_gradient_of_one_process(two: Found, case: str):
    assert two[case]["gradient"] <= 1e-5
    assert two[case]["norm"] <= 1e-5


@pytest.mark.parametrize("case", ["kl in loss, adamw", "kl in reward, adamw_bf16"])
def test_a_reference_policy_that_is_spread_says_what_a_whole_one_says(two: Found, case: str):
    assert len(two[case]) == (6 if "loss" in case else 9)
    assert max(two[case]) <= 1e-4


def test_a_step_of_four_one_of_two_and_one_of_one_are_three_steps_of_one_process(two: Found, folder: Path):
    assert two["bit-equal"]
    policy = policy_of(ModelConfig(), LearnerConfig())
    learner = learner_of(policy)
    assert go_on(learner, policy, folder / "of-2")
    learner.learn(groups(), step=3)

    unbroken = policy_of(ModelConfig(), LearnerConfig())
    alone = learner_of(unbroken)
    for step in (1, 2, 3):
        alone.learn(groups(), step=step)
    wanted = dict(unbroken.module.named_parameters())
    # Adam divides by the size of a gradient, so where it is nearly nothing, rounding decides; almost nowhere else.
    close = [
        torch.isclose(weight, wanted[name], rtol=0, atol=1e-5).float().mean().item()
        for name, weight in policy.module.named_parameters()
    ]
    assert sum(close) / len(close) > 0.99
    assert learner.state_dict() == alone.state_dict()


def test_moments_of_another_model_are_refused_with_the_cure(two: Found, folder: Path):
    with pytest.raises(CheckpointError, match=r"fits no weight that is trained here; give model\.path"):
        read_moments(folder / "of-2" / "optimizer", [torch.empty(3, 3)])


def test_before_the_first_update_there_are_no_moments(tmp_path: Path):
    assert read_moments(tmp_path, [torch.empty(3)]) == {}


def test_moments_that_a_rank_does_not_see_are_not_taken_for_none(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"does not see .*folder that all machines share"):
        read_moments(tmp_path / "elsewhere", [])


def test_ranks_that_cannot_hold_so_many_copies_are_refused():
    with pytest.raises(ConfigError, match=r"learner\.replicas: 3 copies .* learner\.ranks = 4; use a divisor"):
        parse_config({"learner": {"ranks": 4, "replicas": 3}})


def test_weights_are_brought_together_by_layer():
    names = ["model.embed.weight", "m.layers.0.a.weight", "m.layers.0.b.weight", "m.layers.1.a.weight", "head.weight"]
    assert [len(unit) for unit in units(names)] == [1, 2, 1, 1]
