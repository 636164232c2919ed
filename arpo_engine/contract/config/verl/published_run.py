"""The published run on 128 desktops as a reading and as a config of ours: what others are laid beside.

Only what its script writes stands here; the base config and the defaults come from `published.py`. Plain data.
"""

from __future__ import annotations

from functools import cache

from arpo_engine.contract.config.verl.importing import Imported, import_verl

MODEL = "UI-TARS-1.5-7B"
SMALL_ENVIRONMENTS = 16
"""Desktops of the other published script, on 32 tasks."""
_TASKS = "evaluation_examples/test_success_uitars1.5_wo_impossible.json"
COMMAND = f"""python3 -m verl.trainer.main config=examples/config.yaml
    data.train_files={_TASKS} data.val_files={_TASKS} data.max_prompt_length=64000 data.max_response_length=8192
    data.max_pixels=2116800 data.min_pixels=256 data.rollout_batch_size=16
    worker.actor.fsdp.torch_dtype=bf16 worker.actor.optim.strategy=adamw_bf16 worker.actor.optim.lr=1e-6
    worker.actor.max_grad_norm=1.0 worker.actor.padding_free=true worker.actor.ppo_epochs=1
    worker.actor.clip_ratio_low=0.2 worker.actor.clip_ratio_high=0.3 worker.actor.global_batch_size=8
    worker.actor.micro_batch_size_per_device_for_update=1 worker.actor.micro_batch_size_per_device_for_experience=1
    worker.actor.model.model_path={MODEL} worker.rollout.temperature=1.0 worker.rollout.n=8
    worker.rollout.limit_images=15 worker.rollout.tensor_parallel_size=1 worker.rollout.max_num_batched_tokens=128000
    algorithm.disable_kl=True algorithm.kl_coef=0 env.num_envs=128 env.max_steps=15
    trainer.n_gpus_per_node=8 trainer.nnodes=2 trainer.save_freq=8 trainer.save_limit=3 trainer.val_freq=8
    trainer.val_before_train=True trainer.total_episodes=15"""


@cache
def published_run() -> Imported:
    """The published run, imported as any other: its settings there, and here in paper mode."""
    return import_verl(COMMAND.replace("\n", " \\\n"))


OSWORLD_REVISION = "7a6409d"
"""Submodule of the published repository: FanbinLu/OSWorld."""
REVISION = "7489ae3"
"""The published repository, dvlab-research/ARPO (now JIA-Lab-research/ARPO)."""
