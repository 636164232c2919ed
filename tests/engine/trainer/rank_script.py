"""The program of one rank in `test_fsdp`: lays what ranks do beside what one process does, and leaves the differences.

Started as `python -m tests.engine.trainer.rank_script RANK SIZE FOLDER`; with four ranks first, then with two, which go
on from what the four have saved.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from arpo_engine.contract.config import GrpoConfig, parse_config
from arpo_engine.contract.config.learner import LearnerConfig
from arpo_engine.contract.config.parts import LoraConfig, ModelConfig, OptimizerConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.anchors import Anchors
from arpo_engine.trainer.building import build_learner
from arpo_engine.trainer.fsdp import spread, take_weights, whole_weights
from arpo_engine.trainer.gradient import Gradient
from arpo_engine.trainer.learner import Learner
from arpo_engine.trainer.moments import groups_of, moments_of, read_moments, write_moments
from arpo_engine.trainer.rank import Rank
from arpo_engine.trainer.rank_wire import Done, Learn, Penalise, Request
from arpo_engine.trainer.siblings import ALONE, Ranks, Siblings
from arpo_engine.types import Group, Member
from tests.engine.families import family_policy
from tests.engine.policies import play_many, small_policy

TURNS = (1, 4, 2)
"""Fewer episodes than ranks, so that one of four has none."""
ADVANTAGES = (1.0, -1.0, 0.5)
OPTIMIZER = OptimizerConfig(lr=1e-4, warmup_steps=0, decay="constant")
CPU = torch.device("cpu")
LORA = ModelConfig(lora=LoraConfig(rank=4))
WINDOWED = "qwen2_5_vl, windowed"
"""Of the kind of the small policy, with the module's own forward for the tower, as for one with windows."""
CASES: Mapping[str, tuple[LearnerConfig, ModelConfig]] = {
    "dense": (LearnerConfig(), ModelConfig()),
    "lora": (LearnerConfig(), LORA),
    "frozen tower": (LearnerConfig(), ModelConfig(freeze_vision=True)),
    "small parts": (LearnerConfig(tokens_per_pass=1, padding_free=True), ModelConfig()),
    "recomputed": (LearnerConfig(gradient_checkpointing=True, logits_tokens=3), ModelConfig()),
    "two copies": (LearnerConfig(replicas=2), ModelConfig()),
    "offloaded": (LearnerConfig(offload=True), ModelConfig()),
    "windowed tower": (LearnerConfig(), ModelConfig(path=WINDOWED)),
    "windowed and recomputed": (LearnerConfig(gradient_checkpointing=True), ModelConfig(path=WINDOWED)),
    "deepstack": (LearnerConfig(), ModelConfig(path="qwen3_vl")),
}
ROUNDED = {"rounded": (LearnerConfig(compute="bfloat16"), ModelConfig())}
"""Passes in bfloat16 under float32 masters: the gradient is near that of one process, and no more than near."""


def policy_of(model: ModelConfig, learner: LearnerConfig) -> Policy:
    policy = family_policy(model.path) if model.path == "qwen3_vl" else small_policy()
    if model.path == WINDOWED:
        policy.module.model.visual.config.fullatt_block_indexes = []
    policy.train_only(model, seed=0)
    if policy.adapter is not None:  # what starts at zero would hide half of the gradients
        noise = torch.Generator().manual_seed(0)
        for matrix in policy.adapter.matrices().values():
            matrix.data.normal_(std=0.1, generator=noise)
    policy.passes = learner
    return policy


def anchors_of(policy: Policy) -> Anchors:
    trajectories = play_many(policy, TURNS)
    members = [Member(trajectory=item, advantage=value) for item, value in zip(trajectories, ADVANTAGES, strict=True)]
    recorded = policy.behaviour_logprobs(trajectories)
    noise = torch.randn(recorded.shape, generator=torch.Generator().manual_seed(1)) * 0.3
    return Anchors(members, recorded + noise)


def gradient_of(policy: Policy, anchors: Anchors, siblings: Siblings) -> tuple[dict[str, Tensor], float]:
    """Whole gradients by name, and their norm as the guard is told of it."""
    gradient = Gradient(policy, GrpoConfig(), temperature=1.0, penalty=None, seeds=random.Random(0), siblings=siblings)
    gradient.add(range(len(TURNS)), anchors, 100.0, version=0)
    norm = siblings.clip(policy.trained(), 1e9)
    found = {name: weight.grad for name, weight in policy.module.named_parameters() if weight.grad is not None}
    return {name: whole(value) for name, value in found.items()}, norm


def whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Length of the difference as a share of the length of `one`."""
    if set(one) != set(other):
        return float("inf")
    square = sum(float((value - other[name]).double().square().sum()) for name, value in one.items())
    return (square / sum(float(value.double().square().sum()) for value in one.values())) ** 0.5


def compared(size: int, learner: LearnerConfig, model: ModelConfig) -> dict[str, float]:
    policy = policy_of(model, learner)
    anchors = anchors_of(policy)
    wanted, wanted_norm = gradient_of(policy, anchors, ALONE)
    policy = policy_of(model, learner)
    ranks = spread(policy, learner.model_copy(update={"ranks": size}), CPU)
    found, norm = gradient_of(policy, anchors, ranks)
    return {"gradient": apart(wanted, found), "norm": abs(norm / wanted_norm - 1)}


def learner_of(policy: Policy, siblings: Siblings = ALONE) -> Learner:
    return Learner(
        policy,
        algorithm=GrpoConfig(minibatches=1),
        optimizer=OPTIMIZER,
        temperature=1.0,
        total_steps=9,
        seed=0,
        siblings=siblings,
    )


def groups() -> list[Group]:
    """What every step learns from: sampled by the policy that all begin with."""
    policy = small_policy()
    return [Group(group_id="g", task_id="t", members=tuple(anchors_of(policy).members))]


def go_on(learner: Learner, policy: Policy, folder: Path) -> bool:
    """Take over what more ranks have saved; whether the moments are theirs to the last bit."""
    take_weights(policy, load_file(folder / "weights.safetensors"))
    state = json.loads((folder / "state.json").read_text())
    learner.load_state_dict({**state, "optimizer": folder / "optimizer"})
    saved = read_moments(folder / "optimizer", [torch.empty(weight.shape) for weight in policy.trained()])
    mine = moments_of(learner.optimizer)
    return all(torch.equal(whole(mine[at][name]), value) for at, held in saved.items() for name, value in held.items())


def leave(learner: Learner, policy: Policy, folder: Path) -> None:
    (folder / "optimizer").mkdir(parents=True, exist_ok=True)
    dist.barrier()
    write_moments(learner.optimizer, folder / "optimizer")
    weights = whole_weights(policy, [name for name, _ in policy.module.named_parameters()])
    if dist.get_rank() == 0:
        save_file({name: weight.clone() for name, weight in weights.items()}, folder / "weights.safetensors")
        state = {**learner.state_dict(), "groups": groups_of(learner.optimizer)}
        (folder / "state.json").write_text(json.dumps(state))
    dist.barrier()


def penalised(folder: Path, size: int, place: str, kind: str) -> list[float]:
    """How far ranks are from one process with a reference policy of its own, and in AdamW's other kind: of each number
    that is reported the difference."""
    tree = {
        "model": {"path": str(folder / "small")},
        "algorithm": {"kind": "grpo", "minibatches": 2, "kl": {"place": place, "reference": str(folder / "other")}},
        "optimizer": {**OPTIMIZER.model_dump(), "kind": kind},
        "learner": {"ranks": size},
    }
    config = parse_config(tree)
    rank, alone = Rank(config, CPU), build_learner(config, Policy.load(folder / "small"))
    episodes = [member.trajectory for member in groups()[0].members]
    wanted, found = list[float](), list[float]()
    if place == "reward":
        assert alone.reward_penalty is not None
        wanted += alone.reward_penalty(episodes, {episodes[0].episode_id})
        found += asked(rank, Penalise(episodes, frozenset({episodes[0].episode_id})))
    reports = alone.learn(groups(), step=1), asked(rank, Learn(groups(), 1, 1.0))
    for name in ("loss", "grad_norm", "reference_kl", "kl_coef", "approx_kl", "entropy"):
        wanted.append(getattr(reports[0], name))
        if dist.get_rank() == 0:
            found.append(getattr(reports[1], name))
    return [abs(one - other) for one, other in zip(wanted, found, strict=False)]


def asked(rank: Rank, request: Request) -> Any:
    answer = rank.answer(request)
    assert isinstance(answer, Done), answer
    return [] if answer.value is None else answer.value


def main(rank: int, size: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting-{size}", rank=rank, world_size=size)
    cases = {**CASES, **ROUNDED} if size == 4 else {name: CASES[name] for name in ("dense", "lora")}
    found: dict[str, object] = {name: compared(size, *case) for name, case in cases.items()}
    policy = policy_of(ModelConfig(), LearnerConfig())
    ranks: Ranks = spread(policy, LearnerConfig(ranks=size), CPU)
    learner = learner_of(policy, ranks)
    if size == 2:
        for place, kind in (("loss", "adamw"), ("reward", "adamw_bf16")):
            found[f"kl in {place}, {kind}"] = penalised(folder, size, place, kind)
        found["bit-equal"] = go_on(learner, policy, folder / "of-4")
    learner.learn(groups(), step=1 if size == 4 else 2)
    leave(learner, policy, folder / f"of-{size}")
    if rank == 0:
        (folder / f"found-{size}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
