"""Trajectories as rows of ids: the contexts that they were sampled from, and how contexts share a pass.

Knows ids, screenshots' keys and the chat format; computes nothing with weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from arpo_engine.models.chat import ChatFormat
from arpo_engine.models.positions import Ids, mrope_positions
from arpo_engine.models.segments import Segments
from arpo_engine.types import Pixels, Step, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Turns of one trajectory that share a context, as a single row of ids: all of them, or what a window showed."""

    row: int
    """Which trajectory."""
    column: int
    """Which of the trajectory's sampled tokens is the context's first."""
    ids: Ids
    places: list[int]
    """Where the token before each sampled token stands."""
    frames: list[bytes]
    """Keys of its screenshots."""
    grids: list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """Contexts laid out for one pass: B rows of L tokens, Q places asked in each."""

    ids_BL: Tensor
    positions: Tensor
    """[3, B, L]"""
    places_BQ: Tensor
    real_BQ: Tensor
    """Which places were asked, and are no padding: read row by row, the sampled tokens context by context."""
    segments: Segments | None = None
    """None: a row is a context, padded on the right."""

    def to(self, device: torch.device) -> Laid:
        """The same, there."""
        return Laid(
            ids_BL=self.ids_BL.to(device),
            positions=self.positions.to(device),
            places_BQ=self.places_BQ.to(device),
            real_BQ=self.real_BQ.to(device),
            segments=self.segments,
        )


def frame_key(pixels: Pixels) -> bytes:
    """A key under which equal screenshots meet."""
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16)
    digest.update(str(pixels.shape).encode())
    return digest.digest()


def contexts_of(
    chat: ChatFormat, trajectories: Sequence[Trajectory], screenshots: dict[bytes, Pixels]
) -> list[Context]:
    """The contexts that trajectories were sampled from, exactly; screenshots join those that are already known.

    An episode is one context, unless it was seen through a window: then a context begins at every turn that says so.
    """
    contexts = []
    for row, trajectory in enumerate(trajectories):
        turns, column = trajectory.steps, 0
        starts = [at for at, step in enumerate(turns) if at == 0 or step.window is not None]
        for start, end in pairwise([*starts, len(turns)]):
            before = (turns[start].window or 1) - 1
            contexts.append(_context(chat, (row, column), turns[start - before : end], before, screenshots))
            column += len(contexts[-1].places)
    return contexts


def by_length(contexts: Sequence[Context], most: int, *, padding_free: bool) -> Iterator[list[Context]]:
    """Batches of at most `most` tokens, padding among them, or one context; of similar length, so that little is
    padded."""
    batch: list[Context] = []
    held = 0
    for context in sorted(contexts, key=lambda item: (len(item.ids), item.row)):
        length = len(context.ids)
        if batch and (held + length if padding_free else length * (len(batch) + 1)) > most:
            yield batch
            batch, held = [], 0
        batch.append(context)
        held += length
    if batch:
        yield batch


def padded(chat: ChatFormat, batch: Sequence[Context]) -> Laid:
    """A row for each context."""
    length, width = max(len(item.ids) for item in batch), max(len(item.places) for item in batch)
    ids = np.full((len(batch), length), chat.end_id, dtype=np.int64)
    positions = np.zeros((3, len(batch), length), dtype=np.int64)
    places = np.zeros((len(batch), width), dtype=np.int64)
    for index, item in enumerate(batch):
        ids[index, : len(item.ids)] = item.ids
        positions[:, index, : len(item.ids)] = mrope_positions(item.ids, item.grids, chat.image_id)[0]
        places[index, : len(item.places)] = item.places
    counts = torch.tensor([len(item.places) for item in batch])
    return Laid(
        ids_BL=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        places_BQ=torch.from_numpy(places),
        real_BQ=torch.arange(width) < counts[:, None],
    )


def packed(chat: ChatFormat, batch: Sequence[Context]) -> Laid:
    """All contexts in one row, one after another; positions start anew with each."""
    starts = np.cumsum([0, *(len(item.ids) for item in batch)])
    places = [start + place for start, item in zip(starts[:-1], batch, strict=True) for place in item.places]
    positions = [mrope_positions(item.ids, item.grids, chat.image_id)[0] for item in batch]
    return Laid(
        ids_BL=torch.from_numpy(np.concatenate([item.ids for item in batch]))[None],
        positions=torch.from_numpy(np.concatenate(positions, axis=1))[:, None],
        places_BQ=torch.tensor(places, dtype=torch.long)[None],
        real_BQ=torch.ones(1, len(places), dtype=torch.bool),
        segments=Segments(
            lengths=tuple(len(item.ids) for item in batch), asked=tuple(len(item.places) for item in batch)
        ),
    )


def _context(
    chat: ChatFormat, at: tuple[int, int], steps: Sequence[Step], before: int, screenshots: dict[bytes, Pixels]
) -> Context:
    """The turns of `steps` as one context; of the first `before` ones it holds the screenshots, and no own tokens."""
    ids: list[int] = []
    places: list[int] = []
    frames = []
    for step in steps:
        key = frame_key(step.pixels)
        screenshots.setdefault(key, step.pixels)
        frames.append(key)
    for step in steps[before:]:
        ids += step.prompt_ids
        places += range(len(ids) - 1, len(ids) - 1 + len(step.reply_ids))
        ids += step.reply_ids
    grids = [chat.patches.grid(step.pixels.shape[1], step.pixels.shape[0]) for step in steps]
    return Context(
        row=at[0], column=at[1], ids=np.array(ids, dtype=np.int64), places=places, frames=frames, grids=grids
    )
