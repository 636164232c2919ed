"""Pieces become wholes by the rules of FSDP, however many ranks and rows there are."""

from __future__ import annotations

import pytest
import torch

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.models.shards.inert import Along, Copied, MeshTensor, Record
from arpo_engine.models.shards.merging import Share, merge, share_of


def pieces(whole: torch.Tensor, ranks: int, row: int | None = None) -> list[Share]:
    """Cut as FSDP cuts: chunks of equal length, and nothing for the last ranks."""
    chunks = list(whole.chunk(ranks))
    empty = whole[:0]
    cut = [*chunks, *[empty] * (ranks - len(chunks))]
    return [Share(piece, tuple(whole.shape), whole.dtype, 0, row=row) for piece in cut]


@pytest.mark.parametrize(("length", "ranks"), [(8, 4), (7, 4), (5, 4), (3, 8), (1, 8), (6, 1)])
def test_uneven_and_empty_pieces_add_up(length: int, ranks: int):
    whole = torch.arange(length * 3.0).reshape(length, 3).bfloat16()
    assert torch.equal(merge("w", pieces(whole, ranks)), whole)


def test_rows_of_hybrid_sharding_are_copies():
    whole = torch.arange(10.0)
    assert torch.equal(merge("w", [*pieces(whole, 2, 2), *pieces(whole, 2, 2)]), whole)
    with pytest.raises(CheckpointError, match="ranks 2 to 3 hold another w than ranks 0 to 1"):
        merge("w", [*pieces(whole, 2, 2), *pieces(whole + 1, 2, 2)])
    with pytest.raises(CheckpointError, match="rows of 2 ranks, and there are 3 files"):
        merge("w", [*pieces(whole, 2, 2), pieces(whole, 2, 2)[0]])


def test_not_a_number_equals_itself():
    whole = torch.tensor([float("nan"), 1.0])
    shares = [Share(whole, (2,), whole.dtype, None), Share(whole.clone(), (2,), whole.dtype, None)]
    assert merge("w", shares).isnan().tolist() == [True, False]


def test_what_every_rank_holds_whole_must_be_the_same():
    shares = [Share(torch.zeros(2), (2,), torch.float32, None), Share(torch.ones(2), (2,), torch.float32, None)]
    with pytest.raises(CheckpointError, match="every rank holds a whole w, and they differ"):
        merge("w", shares)


def test_a_piece_at_the_wrong_place_is_refused():
    whole = torch.arange(4.0)
    shares = [Share(whole[:2], (4,), whole.dtype, 0, start=0), Share(whole[2:], (4,), whole.dtype, 0, start=3)]
    with pytest.raises(CheckpointError, match=r"do not add up to \(4,\): \(2,\), \(2,\)"):
        merge("w", shares)


def test_pieces_are_ordered_by_where_they_say_they_begin():
    whole = torch.arange(4.0)
    shares = [Share(whole[2:], (4,), whole.dtype, 0, start=2), Share(whole[:2], (4,), whole.dtype, 0, start=0)]
    assert torch.equal(merge("w", shares), whole)


def described(local: torch.Tensor, placements: tuple[Record, ...], mesh: Record) -> MeshTensor:
    """A DTensor as its file describes it."""
    made: MeshTensor = torch.Tensor._make_wrapper_subclass(MeshTensor, (4,), dtype=local.dtype)
    made._local_tensor, made._spec = local, record(placements=placements, mesh=mesh)
    return made


def record(*given: object, **attributes: object) -> Record:
    made = Record(*given)
    made.__setstate__(attributes)
    return made


def along(dim: int) -> Along:
    made = Along()
    made.__setstate__({"dim": dim})
    return made


MESHES = {
    "torch 2.5": record(mesh=torch.arange(4).reshape(2, 2)),
    "torch 2.10": record(_layout=record(shape=(2, 2), stride=(2, 1))),
    "torch 2.13": record(_layout=record(axes=(record(shape=(2,)), record(shape=(2,))))),
}


@pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES)
def test_a_mesh_is_read_as_each_torch_wrote_it(mesh: Record):
    assert share_of("w", described(torch.zeros(2), (Copied(), along(0)), mesh)).row == 2


@pytest.mark.parametrize(
    ("placements", "word"),
    [((), "along 0 dimensions"), ((record(),), "along 1 dimensions"), ((along(0), along(1)), "along 2 dimensions")],
)
def test_other_ways_of_cutting_are_refused(placements: tuple[Record, ...], word: str):
    with pytest.raises(CheckpointError, match=rf"w is cut {word}.*merge it with the code that wrote it"):
        share_of("w", described(torch.zeros(2), placements, record()))


def test_a_mesh_that_is_described_in_an_unknown_way_is_refused():
    with pytest.raises(CheckpointError, match="described in a way that is not known here"):
        share_of("w", described(torch.zeros(2), (Copied(), along(0)), record(_shape="4")))
