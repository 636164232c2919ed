"""Ranks of a learner as Ray actors, on a Ray of this test's own: the same ranks, the same faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from arpo_engine.contract.errors import ConfigError, LearnerLost
from arpo_engine.models.policy import Policy
from arpo_engine.runtime.cluster.executor import RayExecutor
from arpo_engine.runtime.cluster.rank_cluster import RankCluster
from arpo_engine.runtime.cluster.rank_group import RayRanks
from arpo_engine.trainer.ranked import RankedLearner
from tests.engine.policies import small_policy
from tests.engine.runtime.test_local_ranks import config, near
from tests.engine.trainer.rank_script import groups


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_two_actors_learn_and_one_that_dies_is_named(tmp_path: Path):
    small_policy().save(tmp_path / "small")
    before, policy = Policy.load(tmp_path / "small"), Policy.load(tmp_path / "small")
    executor = RayExecutor()

    async def start() -> RayRanks:
        ranks = await executor.start_ranks(config(tmp_path / "small", start_timeout_s=300.0))
        assert isinstance(ranks, RayRanks)
        return ranks

    ranks = asyncio.run(start())
    try:
        learner = RankedLearner(policy, ranks, penalises_rewards=False)
        report = learner.learn(groups(), step=1)
        assert report.updates == 2
        assert not near(before, policy)
        learner.save_moments(tmp_path)
        assert len(list((tmp_path / "optimizer").glob("*.safetensors"))) == 2
        RankCluster().kill(ranks._actors[1])
        with pytest.raises(LearnerLost, match=r"rank 1 of the learner \(a Ray actor: .*the run goes on from its last"):
            learner.learn(groups(), step=2)
        with pytest.raises(LearnerLost):
            learner.state_dict()
    finally:
        asyncio.run(executor.close())


@pytest.mark.usefixtures("cluster")
def test_gpus_that_the_cluster_has_not_are_refused_with_the_cure(tmp_path: Path):
    parts = config(tmp_path)
    asked = parts.model_copy(update={"learner": parts.learner.model_copy(update={"ranks": 8, "backend": "nccl"})})
    with pytest.raises(ConfigError, match=r"learner\.ranks is 8, one GPU each, and the cluster has none"):
        RayRanks(asked, RankCluster()).open()
