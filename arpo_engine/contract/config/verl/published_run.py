"""The two published runs, on 128 desktops and on 16, as readings and as configs of ours: what others are laid beside.

Only what their scripts write stands here; the base config and the defaults come from `published.py`. Plain data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.importing import Imported, import_verl

RunName = Literal["full128", "subset32"]
NAMES: tuple[RunName, ...] = get_args(RunName)
MODEL = "UI-TARS-1.5-7B"
_BOTH = f"""python3 -m verl.trainer.main config=examples/config.yaml
    data.max_prompt_length=64000 data.max_response_length=8192 data.max_pixels=2116800 data.min_pixels=256
    worker.actor.fsdp.torch_dtype=bf16 worker.actor.optim.strategy=adamw_bf16 worker.actor.optim.lr=1e-6
    worker.actor.max_grad_norm=1.0 worker.actor.padding_free=true worker.actor.ppo_epochs=1
    worker.actor.clip_ratio_low=0.2 worker.actor.clip_ratio_high=0.3
    worker.actor.micro_batch_size_per_device_for_update=1 worker.actor.micro_batch_size_per_device_for_experience=1
    worker.actor.model.model_path={MODEL} worker.rollout.temperature=1.0 worker.rollout.n=8
    worker.rollout.limit_images=15 worker.rollout.tensor_parallel_size=1 worker.rollout.max_num_batched_tokens=128000
    algorithm.disable_kl=True algorithm.kl_coef=0 env.max_steps=15
    trainer.n_gpus_per_node=8 trainer.save_limit=3 trainer.val_before_train=True trainer.total_episodes=15"""
_ALONE: Mapping[RunName, tuple[str, str]] = {
    "full128": (
        "test_success_uitars1.5_wo_impossible",
        "data.rollout_batch_size=16 worker.actor.global_batch_size=8 env.num_envs=128 trainer.nnodes=2 "
        "trainer.save_freq=8 trainer.val_freq=8",
    ),
    "subset32": (
        "test_success_middle_difficult",
        "data.rollout_batch_size=2 worker.actor.global_batch_size=1 worker.actor.optim.lr_warmup_ratio=0.05 "
        "algorithm.enable_replay=True env.num_envs=16 trainer.nnodes=1 trainer.save_freq=16 trainer.val_freq=16",
    ),
}
"""What each script has of its own: its task list, and its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRun:
    """A run whose script is published."""

    name: RunName
    script: str
    """Its file in the published repository."""
    imported: Imported

    @property
    def title(self) -> str:
        """For a person."""
        return f"{self.script}, on {self.config.desktops.count} desktops"

    @property
    def config(self) -> RunConfig:
        """The run in our words, in paper mode."""
        return self.imported.ready()


@cache
def published_run(name: RunName = "full128") -> PublishedRun:
    """A published run, imported as any other."""
    imported = import_verl(command_of(name))
    script = {"full128": "examples/osworld_full_arpo.sh", "subset32": "examples/osworld_subset32.sh"}[name]
    return PublishedRun(name=name, script=script, imported=imported)


def command_of(name: RunName) -> str:
    """The command line of a published run."""
    tasks, alone = _ALONE[name]
    files = f"data.train_files=evaluation_examples/{tasks}.json data.val_files=evaluation_examples/{tasks}.json"
    return f"{_BOTH}\n    {files} {alone}".replace("\n", " \\\n")


def nearest_to(config: RunConfig) -> PublishedRun:
    """The published run that a config is most like: by its task list, else by the ratio of their desktops."""
    runs = [published_run(name) for name in NAMES]
    listed = [run for run in runs if run.config.tasks.train == config.tasks.train]
    return min(listed or runs, key=lambda run: abs(math.log(config.desktops.count / run.config.desktops.count)))


OSWORLD_REVISION = "7a6409d"
"""Submodule of the published repository: FanbinLu/OSWorld."""
REVISION = "7489ae3"
"""The published repository, dvlab-research/ARPO (now JIA-Lab-research/ARPO)."""
