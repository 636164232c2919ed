"""One rank of a gloo group that saves the pocket policy as ARPO and EasyR1 do: real FSDP, real DTensors.

Run as `python -m tests.engine.models.shards.ranks RANK WORLD FOLDER`. Writes `FOLDER/<kind>/global_step_7/actor/`.
"""

from __future__ import annotations

import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, ShardedStateDictConfig, ShardingStrategy, StateDictType
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLDecoderLayer, Qwen2_5_VLVisionBlock

from arpo_engine.models.policy import Policy

BLOCKS = ModuleWrapPolicy({Qwen2_5_VLDecoderLayer, Qwen2_5_VLVisionBlock})
STEP = 7


def names_of_4_49(name: str) -> str:
    """What the transformers that ARPO pins calls a weight."""
    return name.replace("model.visual.", "visual.").replace("model.language_model.", "model.")


def save(kind: str, folder: Path, rank: int, world: int, dtype: torch.dtype) -> None:
    """What their checkpoint managers write."""
    policy = Policy.load("builtin:pocket")
    module = policy.module.to(dtype)
    shapes = {"mesh": (world,), "copies": (world, 1), "single": (world,)}
    names = ("fsdp",) if kind != "copies" else ("ddp", "fsdp")
    mesh = init_device_mesh("cpu", shapes[kind], mesh_dim_names=names) if kind in shapes else None
    wrapped: Any = FullyShardedDataParallel(
        module,
        device_mesh=mesh,
        auto_wrap_policy=BLOCKS,
        device_id=torch.device("cpu"),
        sharding_strategy=ShardingStrategy.HYBRID_SHARD if kind == "copies" else ShardingStrategy.FULL_SHARD,
        use_orig_params=True,
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(torch.optim.AdamW(wrapped.parameters(), lr=1e-6), lambda step: 1.0)
    scheduler.last_epoch = STEP
    with FullyShardedDataParallel.state_dict_type(
        wrapped, StateDictType.SHARDED_STATE_DICT, ShardedStateDictConfig(offload_to_cpu=True)
    ):
        weights = wrapped.state_dict()
    if kind == "mesh":
        weights = {names_of_4_49(name): value for name, value in weights.items()}
    generators = {"cpu": torch.get_rng_state(), "numpy": np.random.get_state(), "random": random.getstate()}
    actor = folder / kind / f"global_step_{STEP}" / "actor"
    actor.mkdir(parents=True, exist_ok=True)
    stem = f"world_size_{world}_rank_{rank}.pt"
    torch.save(weights, actor / f"model_{stem}")
    torch.save({"state": {}, "param_groups": []}, actor / f"optim_{stem}")
    torch.save({"lr_scheduler": scheduler.state_dict(), "rng": generators}, actor / f"extra_state_{stem}")
    if rank == 0:
        torch.save({"epoch": 1}, actor.parent / "dataloader.pt")
        policy.module.config.save_pretrained(actor / "huggingface")
        policy.tokenizer.save_pretrained(actor / "huggingface")


def main(rank: int, world: int, folder: Path) -> None:
    """All kinds on all ranks, then one kind on the first rank alone."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    dist.init_process_group("gloo", init_method=f"file://{folder}/all", rank=rank, world_size=world)
    save("mesh", folder, rank, world, torch.bfloat16)
    save("listed", folder, rank, world, torch.float32)
    save("copies", folder, rank, world, torch.bfloat16)
    dist.barrier()
    dist.destroy_process_group()
    if rank == 0:
        dist.init_process_group("gloo", init_method=f"file://{folder}/one", rank=0, world_size=1)
        save("single", folder, 0, 1, torch.bfloat16)
        dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
