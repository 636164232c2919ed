"""One weight from what each rank held of it. Knows tensors and how FSDP cuts them; knows no files.

A weight is cut along one dimension in the order of the ranks; with hybrid sharding each row of the mesh holds it once
more. The pieces must add up to the whole's shape exactly, and rows must be equal to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.models.shards.inert import Along, Copied, ListedTensor, MeshTensor, Record


@dataclass(frozen=True, slots=True)
class Share:
    """What one rank holds of a weight."""

    piece: Tensor | None
    """None where a rank got nothing."""
    shape: tuple[int, ...]
    """Of the whole."""
    dtype: torch.dtype
    dim: int | None
    """Dimension that it is cut along; None where every rank holds the whole."""
    start: int | None = None
    """Where the piece begins along it, if the file says so; otherwise pieces follow each other."""
    row: int | None = None
    """Ranks that hold the whole together; None for all of them."""

    @property
    def numbers(self) -> int:
        """How many the whole has."""
        return math.prod(self.shape)


def share_of(name: str, value: Any) -> Share:
    """How a rank's file describes its part of a weight.

    Raises:
        CheckpointError: it is cut in a way that FSDP does not cut.
    """
    if isinstance(value, MeshTensor):
        return _mesh_share(name, value)
    if isinstance(value, ListedTensor):
        return _listed_share(name, value)
    if isinstance(value, Tensor):
        return Share(value, tuple(value.shape), value.dtype, None)
    raise CheckpointError(f"{name} is a {type(value).__name__}, no tensor; these are no weights of FSDP")


def merge(name: str, shares: Sequence[Share]) -> Tensor:
    """The whole weight, in its own dtype, in memory of its own; `shares` by rank.

    Raises:
        CheckpointError: the ranks contradict each other, or their pieces do not add up.
    """
    first = shares[0]
    for rank, share in enumerate(shares):
        said, others = (
            (share.shape, share.dtype, share.dim, share.row),
            (first.shape, first.dtype, first.dim, first.row),
        )
        if said != others:
            raise CheckpointError(
                f"rank 0 says that {name} is {_said(first)}, rank {rank} that it is {_said(share)}; the files are of "
                "different runs, copy all of one checkpoint again"
            )
    row = len(shares) if first.row is None else first.row
    if row < 1 or len(shares) % row:
        raise CheckpointError(
            f"{name} lies on rows of {row} ranks, and there are {len(shares)} files; copy all of them"
        )
    rows = [_row(name, shares[start : start + row]) for start in range(0, len(shares), row)]
    for number, other in enumerate(rows[1:], start=1):
        if not _same_bits(rows[0], other):
            raise CheckpointError(
                f"ranks {number * row} to {number * row + row - 1} hold another {name} than ranks 0 to {row - 1}, "
                "which should be copies; the files are of different steps, copy all of one checkpoint again"
            )
    return rows[0]


def _row(name: str, shares: Sequence[Share]) -> Tensor:
    first = shares[0]
    if first.dim is None:
        return _whole(name, shares)
    held = [share for share in shares if share.piece is not None]
    if all(share.start is not None for share in held):
        held.sort(key=lambda share: share.start or 0)
    pieces, reached = [], 0
    for share in held:
        piece = share.piece
        assert piece is not None
        if share.start not in (None, reached) or not _fits(piece, first.shape, first.dim):
            raise _not_adding_up(name, first, [share.piece for share in held])
        reached += piece.shape[first.dim]
        pieces.append(piece)
    if reached != first.shape[first.dim] or not pieces:
        raise _not_adding_up(name, first, pieces)
    return torch.cat(pieces, dim=first.dim)


def _whole(name: str, shares: Sequence[Share]) -> Tensor:
    wholes = [share.piece for share in shares if share.piece is not None]
    if any(tuple(whole.shape) != shares[0].shape for whole in wholes):
        raise _not_adding_up(name, shares[0], wholes)
    if any(not _same_bits(wholes[0], other) for other in wholes[1:]):
        raise CheckpointError(
            f"every rank holds a whole {name}, and they differ; the files are of different steps, copy all of one "
            "checkpoint again"
        )
    return wholes[0].contiguous().clone()


def _mesh_share(name: str, value: MeshTensor) -> Share:
    placements = tuple(getattr(value._spec, "placements", ()))
    *outer, inner = placements or (None,)
    if not isinstance(inner, Along | Copied) or not all(isinstance(place, Copied) for place in outer):
        raise CheckpointError(
            f"{name} is cut along {len(placements)} dimensions of the mesh in a way that is not read here (FSDP, and "
            "FSDP within copies, are); merge it with the code that wrote it"
        )
    # With one dimension the row is the whole mesh, and how its torch describes a mesh need not be known.
    row = _row_length(name, value._spec) if outer else None
    dim = int(getattr(inner, "dim", inner.given[0] if inner.given else 0)) if isinstance(inner, Along) else None
    return Share(value._local_tensor, tuple(value.shape), value.dtype, dim, row=row)


def _row_length(name: str, spec: Record) -> int:
    """Length of a mesh's last dimension: from its tensor of ranks (until torch 2.8), or from its layout (since)."""
    mesh = vars(getattr(spec, "mesh", Record()))
    if isinstance(mesh.get("mesh"), Tensor):
        return int(mesh["mesh"].shape[-1])
    layout = vars(mesh.get("_layout", Record()))
    last = layout["axes"][-1].shape if layout.get("axes") else (layout.get("shape") or (None,))[-1]
    lengths = last if isinstance(last, tuple) else (last,)
    if not all(isinstance(length, int) for length in lengths):
        raise CheckpointError(f"the mesh of {name} is described in a way that is not known here; merge it with EasyR1")
    return math.prod(lengths)


def _listed_share(name: str, value: ListedTensor) -> Share:
    shape = tuple(value.shape)
    if len(value.shards) > 1:
        raise CheckpointError(f"a rank holds {len(value.shards)} pieces of {name}, FSDP gives it one; merge it there")
    if not value.shards:
        return Share(None, shape, value.dtype, 0)
    shard: Any = value.shards[0]
    sizes, starts = list(shard.metadata.shard_sizes), list(shard.metadata.shard_offsets)
    cut = [dim for dim, size in enumerate(sizes) if size != shape[dim]]
    if len(cut) > 1:
        raise CheckpointError(
            f"{name} is cut along dimensions {cut}, FSDP cuts along one; merge it where it was written"
        )
    dim = cut[0] if cut else 0
    return Share(shard.tensor, shape, value.dtype, dim, start=int(starts[dim]))


def _fits(piece: Tensor, shape: tuple[int, ...], dim: int) -> bool:
    return [*piece.shape[:dim], *piece.shape[dim + 1 :]] == [*shape[:dim], *shape[dim + 1 :]]


def _not_adding_up(name: str, share: Share, pieces: Sequence[Tensor | None]) -> CheckpointError:
    shapes = ", ".join(str(tuple(piece.shape)) for piece in pieces if piece is not None)
    return CheckpointError(
        f"the pieces of {name} do not add up to {share.shape}: {shapes or 'none'}; a rank's file is torn or of another "
        "checkpoint, copy all of them again"
    )


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    flat, same = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(flat, same)


def _said(share: Share) -> str:
    cut = "whole on every rank" if share.dim is None else f"cut along dimension {share.dim}"
    return f"{share.shape} {str(share.dtype).removeprefix('torch.')}, {cut}"
