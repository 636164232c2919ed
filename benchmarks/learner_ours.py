"""Our side of `benchmarks/learner.py`: the learner of a run as it is, from the screenshots' bytes to the weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from arpo_engine.contract.config import GrpoConfig
from arpo_engine.contract.config.learner import PassesConfig
from arpo_engine.contract.config.parts import OptimizerConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.learner import Learner
from arpo_engine.types import Group, Member
from benchmarks.learner_work import Work, read, serve


class Ours:
    """Implements `Side`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        members = tuple(
            Member(trajectory=trajectory, advantage=advantage)
            for trajectory, advantage in zip(work.trajectories, work.advantages, strict=True)
        )
        self._groups = [Group(group_id="g", task_id="t", members=members)]

    def prepare(self, settings: dict[str, Any]) -> None:
        work = self._work
        policy = Policy.load(work.checkpoint)
        policy.passes = PassesConfig.model_validate(settings)
        optimizer = OptimizerConfig(
            lr=work.lr,
            warmup_steps=0,
            decay="constant",
            weight_decay=work.weight_decay,
            max_grad_norm=work.max_grad_norm,
        )
        algorithm = GrpoConfig(minibatches=1, epochs=1, clip=work.clip)
        self._learner = Learner(
            policy, algorithm=algorithm, optimizer=optimizer, temperature=work.temperature, total_steps=1, seed=0
        )

    def step(self) -> dict[str, float]:
        report = self._learner.learn(self._groups, step=1)
        assert report.loss is not None, "every trajectory has an advantage"
        assert report.grad_norm is not None, "every trajectory has an advantage"
        return {"loss": report.loss, "grad_norm": report.grad_norm}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    serve(Ours(read(Path(sys.argv[1]))))
