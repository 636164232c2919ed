"""Files of `torch.save` from a stranger, read as data: nothing in them is executed.

`torch.load(weights_only=True)` makes tensors and plain containers only. What else a rank's file names (DTensor, the
mesh, placements, shards) becomes a record without behaviour, under the names that torch has had for it, so that neither
torch.distributed nor a process group is needed. A file that names anything else is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Never, Self

import torch
from torch import Tensor
from torch.serialization import add_safe_globals, clear_safe_globals, get_safe_globals

from arpo_engine.contract.errors import CheckpointError

Names = list[Callable[..., Any] | tuple[Callable[..., Any], str]]
"""What a file may name, as (what is made of it, the name)."""


class Record:
    """What a file says of an object: its arguments and its attributes, and none of its behaviour."""

    given: tuple[Any, ...]

    def __new__(cls, *given: Any) -> Self:
        """Keep the arguments."""
        made = super().__new__(cls)
        made.given = given
        return made

    def __setstate__(self, state: Any) -> None:
        """Keep attributes, from a dictionary or from the (dictionary, slots) pair that pickle writes."""
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, Mapping):
                self.__dict__.update(part)


class Along(Record):
    """`Shard(dim)`: the ranks hold slices along one dimension."""


class Copied(Record):
    """`Replicate()`: every rank holds the whole."""


class DescribedTensor(Tensor):
    """A tensor without numbers: shape and dtype of a whole that lies on several ranks."""

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Never:
        """It is looked at, never computed with."""
        raise TypeError(f"{func} was asked of a tensor that is only a description")


class MeshTensor(DescribedTensor):
    """`DTensor`: a rank's `_local_tensor`, and the `_spec` of the whole; its own shape is the whole's."""

    _local_tensor: Tensor
    _spec: Record


class ListedTensor(DescribedTensor):
    """`ShardedTensor`: the shards that a rank holds, each with the place where it begins."""

    shards: list[Record]

    def __setstate__(self, state: Any) -> None:
        """(local shards, metadata, process group, sharding, remote references); the first says it all."""
        self.shards = list(state[0])


def described(*given: Any) -> Record:
    """In the place of a function: what it was asked, and no answer."""
    return Record(*given)


def named(holder: Any, name: str) -> type[Record]:
    """In the place of `getattr`, by which pickle names classes within classes: no attribute, a class of records."""
    return Record


def _everywhere(names: Mapping[str, tuple[str, ...]], stand_in: Callable[..., Any]) -> Names:
    return [(stand_in, f"{module}.{name}") for name, modules in names.items() for module in modules]


_TENSOR = "torch.distributed.tensor"
_OLD_TENSOR = "torch.distributed._tensor"
_SHARDED = "torch.distributed._shard"
_PLACES = (f"{_TENSOR}.placement_types", f"{_OLD_TENSOR}.placement_types")

WEIGHTS: Names = [
    *_everywhere({"DTensor": (_TENSOR, f"{_TENSOR}._api", _OLD_TENSOR, f"{_OLD_TENSOR}.api")}, MeshTensor),
    *_everywhere({"ShardedTensor": (f"{_SHARDED}.sharded_tensor.api",)}, ListedTensor),
    *_everywhere({"Shard": _PLACES}, Along),
    *_everywhere({"Replicate": _PLACES}, Copied),
    *_everywhere(
        {
            "DeviceMesh": ("torch.distributed.device_mesh", "torch.distributed._tensor.device_mesh"),
            "_MeshLayout": ("torch.distributed._mesh_layout",),
            "_FlatLayout": ("torch.distributed._mesh_layout",),
            "DTensorSpec": (f"{_TENSOR}._dtensor_spec", *_PLACES),
            "TensorMeta": (f"{_TENSOR}._dtensor_spec", *_PLACES),
            "ShardOrderEntry": (f"{_TENSOR}._dtensor_spec",),
            "Partial": _PLACES,
            "_StridedShard": _PLACES,
            "Shard": (f"{_SHARDED}.sharded_tensor.shard",),
            "ShardMetadata": (f"{_SHARDED}.metadata",),
            "ShardedTensorMetadata": (f"{_SHARDED}.sharded_tensor.metadata",),
            "TensorProperties": (f"{_SHARDED}.sharded_tensor.metadata",),
            "MEM_FORMAT_ENCODING": (f"{_SHARDED}.sharded_tensor.metadata",),
            "ChunkShardingSpec": (f"{_SHARDED}.sharding_spec.chunk_sharding_spec",),
            "EnumerableShardingSpec": (f"{_SHARDED}.sharding_spec.api",),
            "_remote_device": ("torch.distributed.remote_device",),
        },
        Record,
    ),
    (named, "builtins.getattr"),
]
"""What a rank's weights may name besides tensors, and what is made of it."""

EXTRA_STATE: Names = [
    *_everywhere({"_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray")}, described),
    *_everywhere({"ndarray": ("numpy",), "dtype": ("numpy",)}, Record),
]
"""The same for a rank's learning-rate schedule and NumPy's random state."""


def read(path: Path, *, names: Names) -> dict[str, Any]:
    """The dictionary in a file of `torch.save`; tensors stay on the disk until they are used.

    Raises:
        CheckpointError: it is torn, holds something else, or names what is no data; nothing of it was executed.
    """
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} is no file of torch.save, or a torn one; nothing of it was read, copy it again")
    try:
        with _only(names):
            tree = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than data ({_first_line(error)}); nothing of it was executed. Take the checkpoint from "
            "where it was trained, or merge it with the code that wrote it, if you trust that file"
        ) from error
    except Exception as error:
        raise CheckpointError(f"{path} cannot be read ({_first_line(error)}); copy it again") from error
    if not isinstance(tree, Mapping) or not all(isinstance(key, str) for key in tree):
        raise CheckpointError(f"{path} holds a {type(tree).__name__}, no weights by name; copy it again")
    return dict(tree)


@contextmanager
def _only(names: Names) -> Iterator[None]:
    """These names and no others, whatever the libraries of this process have allowed by themselves."""
    before = get_safe_globals()
    clear_safe_globals()
    add_safe_globals(names)
    try:
        yield
    finally:
        clear_safe_globals()
        add_safe_globals(before)


def _first_line(error: Exception) -> str:
    """Torch's own words, without its advice to allow or to switch off what was refused."""
    text = str(error)
    first = next((line for line in text.splitlines() if "GLOBAL" in line), text)
    first = first.rpartition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
    return first.partition(" was not an allowed")[0].partition(". Please use")[0]
