"""FSDP2: a policy's weights, gradients and moments spread over ranks, each layer whole only while it is passed.

Units are the decoder layers, the vision tower as one, and the rest (embeddings, head) as the root. Passes here never
call a layer's `forward` (see `models.passes`), so each unit gets a method that FSDP brings its weights together for.
Source: PyTorch's `fully_shard` (torch.distributed.fsdp). Knows no losses and no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils import _pytree as trees

from arpo_engine.contract.config.ranks import RanksConfig
from arpo_engine.models.passes import DOOR
from arpo_engine.models.policy import Policy
from arpo_engine.models.replies import ReplyLogprobs
from arpo_engine.trainer.siblings import Ranks

SHARDS = "shards"


def build_mesh(config: RanksConfig, device: torch.device) -> DeviceMesh:
    """One dimension of shards, or copies of them (hybrid sharding)."""
    if config.replicas == 1:
        return init_device_mesh(device.type, (config.ranks,), mesh_dim_names=(SHARDS,))
    shape = (config.replicas, config.ranks // config.replicas)
    return init_device_mesh(device.type, shape, mesh_dim_names=("copies", SHARDS))


def spread(policy: Policy, config: RanksConfig, device: torch.device) -> Ranks:
    """Spread a policy's weights over the ranks of the default process group, in place; whom it learns with from now on.

    Every rank must hold the same weights when it calls this. The optimizer is built afterwards.
    """
    mesh = build_mesh(config, device)
    ranks = Ranks(mesh[SHARDS].get_group(), device)
    spread_over(policy, config, mesh, device)
    policy.passes_of_all = ranks.most
    return ranks


def spread_over(policy: Policy, config: RanksConfig, mesh: DeviceMesh, device: torch.device) -> None:
    """The same over a mesh that is there already."""
    _know_logprobs()
    compute = None if config.compute == "as_weights" else torch.bfloat16
    settings: dict[str, Any] = {
        "mesh": mesh,
        "reshard_after_forward": True,
        "mp_policy": MixedPrecisionPolicy(param_dtype=compute, reduce_dtype=torch.float32, cast_forward_inputs=False),
    }
    if config.offload:
        settings["offload_policy"] = CPUOffloadPolicy(pin_memory=device.type == "cuda")
    for unit in (*policy.language.layers, policy.module.model.visual, policy.module):
        fully_shard(unit, **settings)
        setattr(unit, DOOR, MethodType(_work, unit))
        register_fsdp_forward_method(unit, DOOR)
    policy.computes_on(device)


def whole_weights(policy: Policy, names: Sequence[str]) -> dict[str, Tensor]:
    """Weights by name, brought together on every rank; all ranks call this with the same names."""
    held = dict(policy.module.named_parameters())
    return {name: _whole(held[name]) for name in names}


@torch.no_grad()
def take_weights(policy: Policy, whole: dict[str, Tensor]) -> None:
    """Of whole weights each rank takes its own part, without talking to the others."""
    held = dict(policy.module.named_parameters())
    for name, tensor in whole.items():
        put(held[name], tensor)


def put(own: Tensor, whole: Tensor) -> None:
    """Copy a whole tensor into one that may be spread."""
    if isinstance(own, DTensor):
        local = own.to_local()
        like = whole.to(own.device_mesh.device_type)
        part = distribute_tensor(like, own.device_mesh, own.placements, src_data_rank=None)
        local.copy_(part.to_local())
    else:
        own.copy_(whole)


def units(names: Sequence[str]) -> Iterator[list[str]]:
    """Names of weights in groups that are brought together at once: a layer's, a tower's, each of the rest."""
    groups: dict[str, list[str]] = {}
    for name in names:
        head, found, tail = name.partition(".layers.")
        key = f"{head}{found}{tail.partition('.')[0]}" if found else name.rpartition(".")[0]
        groups.setdefault(key, []).append(name)
    yield from groups.values()


def _whole(weight: Tensor) -> Tensor:
    value: Any = weight.detach()
    if not isinstance(value, DTensor):
        return weight.detach()
    if value.device.type != value.device_mesh.device_type:  # offloaded: its group talks between GPUs
        value = value.to(value.device_mesh.device_type)
    whole: Tensor = value.full_tensor()
    return whole


def _work(self: Any, work: Callable[..., Any], *arguments: Any) -> Any:
    return work(*arguments)


def _know_logprobs() -> None:
    """FSDP finds the tensors of a result only in containers that torch knows."""
    if ReplyLogprobs not in trees.SUPPORTED_NODES:
        trees.register_dataclass(ReplyLogprobs)
