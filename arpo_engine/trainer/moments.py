"""The optimizer's moments of many ranks on disk: torch's distributed checkpoint (DCP), in safetensors.

Each rank writes its part. Read back on any number of ranks, one among them: DCP brings each rank the pieces that it
holds now. Names are `<place of the parameter>.<moment>`, places as in `Policy.trained()`. Nothing is pickled.
Source: torch.distributed.checkpoint, `HuggingFaceStorageWriter(save_distributed=True)`.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor, distribute_tensor

from arpo_engine.contract.errors import CheckpointError

FILE = "optimizer.pt"
"""In the checkpoint of a learner without siblings."""
FOLDER = "optimizer"
"""In one that ranks saved, in its place."""
Moments = dict[int, dict[str, Tensor]]


def write_moments(optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Save this rank's part; all ranks call this with the same folder. Before the first update there is nothing.

    Raises:
        CheckpointError: the folder that was made for all is not seen here.
    """
    _check_seen(folder)
    flat = {
        f"{place}.{name}": value for place, numbers in moments_of(optimizer).items() for name, value in numbers.items()
    }
    if not flat:
        return
    with _quietly():
        save(flat, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))


def write_whole(optimizer: torch.optim.Optimizer, checkpoint: Path) -> None:
    """Save the state of an optimizer that is in one process."""
    torch.save({"optimizer": optimizer.state_dict()}, checkpoint / FILE)


def saved_optimizer(checkpoint: Path) -> Mapping[str, Any] | Path:
    """What a checkpoint holds: the state of one process, or the folder of ranks, which each of them reads by itself."""
    if (checkpoint / FOLDER).is_dir():
        return checkpoint / FOLDER
    held: Mapping[str, Any] = torch.load(checkpoint / FILE, map_location="cpu", weights_only=True)["optimizer"]
    return held


def read_moments(folder: Path, parameters: Sequence[Tensor]) -> Moments:
    """What was saved, spread like the parameters; whole where these are whole. All ranks call this.

    Raises:
        CheckpointError: the folder is not seen here, or holds moments of other parameters.
    """
    _check_seen(folder)
    if not any(folder.glob("*.safetensors")):
        return {}
    reader = HuggingFaceStorageReader(str(folder))
    saved = reader.read_metadata().state_dict_metadata
    wanted = {name: _room(name, kept, parameters) for name, kept in saved.items()}
    together = any(isinstance(parameter, DTensor) for parameter in parameters)
    with _quietly():
        load(wanted, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=not together)
    moments: Moments = {}
    for name, value in wanted.items():
        place, _, moment = name.partition(".")
        moments.setdefault(int(place), {})[moment] = value
    return moments


def moments_of(optimizer: torch.optim.Optimizer) -> Moments:
    """By place of the parameter."""
    state: Moments = optimizer.state_dict()["state"]
    return state


def groups_of(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """Settings of the optimizer, as plain data."""
    return [dict(group) for group in optimizer.state_dict()["param_groups"]]


def spread_like(moments: Mapping[int, Mapping[str, Tensor]], parameters: Sequence[Tensor]) -> Moments:
    """Whole moments as each rank holds them: of those that are as large as their parameter, its own part."""
    return {
        place: {name: _part(value, parameters[place]) for name, value in numbers.items()}
        for place, numbers in moments.items()
    }


def _check_seen(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(
            f"a rank of the learner on {platform.node()} does not see {folder}; ranks on other machines need a run "
            "folder that all machines share (--run-dir)"
        )


def _part(value: Tensor, parameter: Tensor) -> Tensor:
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape:
        return value
    like = value.to(parameter.device_mesh.device_type)
    part = distribute_tensor(like, parameter.device_mesh, parameter.placements, src_data_rank=None)
    return part.to(parameter.device)


def _room(name: str, kept: Any, parameters: Sequence[Tensor]) -> Tensor:
    place = int(name.partition(".")[0])
    if place >= len(parameters) or kept.size not in (parameters[place].shape, torch.Size([])):
        raise CheckpointError(
            f"the saved optimizer has {name} of shape {tuple(kept.size)}, which fits no weight that is trained here; "
            "give model.path, model.freeze_vision and model.lora as they were, or start anew with --no-resume"
        )
    dtype = kept.properties.dtype
    if kept.size == parameters[place].shape:
        return torch.zeros_like(parameters[place], dtype=dtype, requires_grad=False)
    return torch.zeros(kept.size, dtype=dtype)


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield
