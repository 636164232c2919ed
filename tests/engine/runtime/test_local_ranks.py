"""Ranks of a learner as child processes: they learn what one process learns, and no trouble of theirs is a wait."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.errors import CheckpointError, ConfigError, LearnerLost, ModelError
from arpo_engine.models.policy import Policy
from arpo_engine.runtime.local_ranks import LocalRanks
from arpo_engine.trainer.building import build_learner
from arpo_engine.trainer.moments import read_moments, saved_optimizer
from arpo_engine.trainer.rank_wire import ReadState, SaveMoments
from arpo_engine.trainer.ranked import RankedLearner
from tests.engine.policies import small_policy
from tests.engine.trainer.rank_script import groups


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "small"
    small_policy().save(folder)
    return folder


def config(model: Path, **learner: Any) -> RunConfig:
    return parse_config(
        {
            "model": {"path": str(model)},
            "algorithm": {"kind": "grpo", "minibatches": 2},
            "optimizer": {"lr": 1e-4, "warmup_steps": 0, "decay": "constant"},
            "learner": {"ranks": 2, "backend": "gloo", **learner},
        }
    )


@contextmanager
def opened(config: RunConfig, **named: str) -> Iterator[LocalRanks]:
    ranks = LocalRanks(config, **named)
    try:
        ranks.open()
        yield ranks
    finally:
        ranks.close()


def ended(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


def test_two_ranks_learn_what_one_process_learns_and_one_goes_on_from_their_checkpoint(model: Path, tmp_path: Path):
    alone, mirror = Policy.load(model), Policy.load(model)
    one = build_learner(config(model, ranks=1), alone)
    with opened(config(model)) as ranks:
        many = RankedLearner(mirror, ranks, penalises_rewards=False)
        reports = [learner.learn(groups(), step=1) for learner in (one, many)]
        assert near(alone, mirror)
        many.save_moments(tmp_path)
        state = many.state_dict()
        unheard = many.learn(groups(), step=2)
        # Back to what was saved, from the same process, as after a collapse.
        mirror.module.load_state_dict(alone.module.state_dict())
        many.load_state_dict({**state, "optimizer": saved_optimizer(tmp_path)})
        again = many.learn(groups(), step=2)
    for name in ("updates", "learning_rate", "finite", "live_share"):
        assert getattr(reports[0], name) == getattr(reports[1], name)
    for name in ("loss", "entropy", "grad_norm", "clip_fraction", "approx_kl", "surprisal"):
        assert getattr(reports[1], name) == pytest.approx(getattr(reports[0], name), rel=1e-4, abs=1e-6), name
    assert reports[1].gap.tokens == reports[0].gap.tokens
    assert again.loss == pytest.approx(unheard.loss, rel=1e-3)
    parts = list((tmp_path / "optimizer").glob("*.safetensors"))
    assert len(parts) == 2

    resumed = Policy.load(model)
    resumed.module.load_state_dict(alone.module.state_dict())
    learner = build_learner(config(model, ranks=1), resumed)
    learner.load_state_dict({**state, "optimizer": saved_optimizer(tmp_path)})
    assert all(
        torch.equal(a, b) for a, b in zip(moments(learner.optimizer), moments_in(tmp_path, resumed), strict=True)
    )
    one.learn(groups(), step=2)
    learner.learn(groups(), step=2)
    assert near(alone, resumed)


def moments(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return [state[place][name] for place in sorted(state) for name in ("exp_avg", "exp_avg_sq")]


def moments_in(checkpoint: Path, policy: Policy) -> list[torch.Tensor]:
    held = read_moments(checkpoint / "optimizer", policy.trained())
    return [held[place][name] for place in sorted(held) for name in ("exp_avg", "exp_avg_sq")]


def near(one: Policy, other: Policy) -> bool:
    """Adam divides by the size of a gradient, so where it is nearly nothing, rounding decides; almost nowhere else."""
    theirs = dict(other.module.named_parameters())
    close = [
        torch.isclose(weight, theirs[name], rtol=0, atol=1e-5).float().mean().item()
        for name, weight in one.module.named_parameters()
    ]
    return sum(close) / len(close) > 0.99


def test_a_checkpoint_of_one_process_is_taken_over_and_a_folder_that_a_rank_does_not_see_is_refused(
    model: Path, tmp_path: Path
):
    alone = Policy.load(model)
    one = build_learner(config(model, ranks=1), alone)
    one.learn(groups(), step=1)
    one.save_moments(tmp_path)
    with opened(config(model)) as ranks:
        many = RankedLearner(alone, ranks, penalises_rewards=False)
        many.load_state_dict({**one.state_dict(), "optimizer": saved_optimizer(tmp_path)})
        many.save_moments(tmp_path)
        saved = moments_in(tmp_path, alone)
        assert all(torch.equal(mine, theirs) for mine, theirs in zip(moments(one.optimizer), saved, strict=True))
        with pytest.raises(CheckpointError, match=r"does not see .*a run folder\s+that all machines share"):
            ranks.ask(SaveMoments(tmp_path / "unseen"))


def test_a_rank_that_is_killed_is_named_and_the_others_are_ended(model: Path):
    with opened(config(model)) as ranks:
        pids = ranks.pids
        before = Policy.load(model)
        many = RankedLearner(Policy.load(model), ranks, penalises_rewards=False)
        os.kill(pids[1], signal.SIGKILL)
        with pytest.raises(LearnerLost, match=r"rank 1 .*died of signal 9, .*memory is full; finished episodes are in"):
            many.learn(groups(), step=1)
        assert ended(pids)
        with pytest.raises(LearnerLost, match="rank 1"):
            many.learn(groups(), step=1)
        assert near(before, many._policy)


def test_a_rank_that_is_out_of_memory_is_named_with_the_cure(model: Path):
    with opened(config(model), program="tests.engine.runtime.rank_out_of_memory") as ranks:
        many = RankedLearner(Policy.load(model), ranks, penalises_rewards=False)
        pids = ranks.pids
        with pytest.raises(LearnerLost, match=r"rank 1 .*out of memory while it met Learn .*learner\.offload = true"):
            many.learn(groups(), step=1)
        assert ended(pids)


def test_a_rank_that_gives_no_answer_is_not_waited_for_without_end(model: Path):
    with opened(config(model, ranks=1, offload=True, answer_timeout_s=2.0)) as ranks:
        os.kill(ranks.pids[0], signal.SIGSTOP)
        with pytest.raises(LearnerLost, match=r"ranks 0 .*no answer to ReadState within learner\.answer_timeout_s = 2"):
            ranks.ask(ReadState())
        assert ended(ranks.pids)


def test_a_model_that_cannot_be_read_is_told_by_the_rank_that_met_it(tmp_path: Path):
    ranks = LocalRanks(config(tmp_path / "nothing", ranks=1, offload=True))
    with pytest.raises(ModelError, match=r"model\.path is .*no such folder"):
        ranks.open()
    assert ended(ranks.pids)


def test_gpus_that_are_not_there_are_refused_with_the_cure(model: Path):
    if torch.cuda.device_count() >= 8:
        pytest.skip("this machine has them")
    parts = config(model)
    asked = parts.model_copy(update={"learner": parts.learner.model_copy(update={"ranks": 8, "backend": "nccl"})})
    with pytest.raises(ConfigError, match=r"learner\.ranks is 8, one GPU each, and this machine has none; use learner"):
        LocalRanks(asked).open()
