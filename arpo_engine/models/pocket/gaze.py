"""Where to look: while the pocket policy is taught, chosen attention heads are told what to attend to.

A head that finds a word's badge on the screen, and one that finds the next word in the instruction, are what so small a
policy hardly discovers from right and wrong answers: it learns the pages by heart instead. Shown where to look, it
learns both in minutes. Nothing of this stays in the policy but its weights. Knows layers, heads and tokens; no desktop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from arpo_engine.models import language
from arpo_engine.models.chat import ChatFormat
from arpo_engine.models.policy import Policy
from arpo_engine.models.vision import rms_norm

NAMING = (1, 2)
"""(layer, head) that looks from before a named word at that word in the caption."""
FINDING = (1, 0)
"""(layer, head) that looks from a named word at its badge."""
POINTING = (2, 0)
"""(layer, head) that looks at the badge again where its place is about to be said."""
BEGIN_REPLY, BEGIN_POINT = "Thought:", "\nAction: click(start_box='("


@dataclass(frozen=True, slots=True)
class Look:
    """`head` = (layer, head) at token `at` of a row should attend to token `target`."""

    head: tuple[int, int]
    at: int
    target: int


def looks_of(chat: ChatFormat, ids: NDArray[np.int64], size: tuple[int, int]) -> Iterator[Look]:
    """All looks of one row of ids: to the badge of what is clicked, and to the caption's word that is named."""
    rows, columns = chat.patches.grid(*size)
    (begin_reply,), (begin_point,) = chat.encode(BEGIN_REPLY), chat.encode(BEGIN_POINT)
    images = np.flatnonzero(ids == chat.image_id)[:: rows * columns]
    ends = np.flatnonzero(ids == chat.end_id)
    for start in map(int, np.flatnonzero(ids == begin_reply)):
        image, end = int(images[images < start][-1]), int(ends[ends > start][0])
        pointing = np.flatnonzero(ids[start:end] == begin_point)
        last = start + int(pointing[0]) if len(pointing) else end
        yield from _naming(ids, range(start + 2, last), range(image + rows * columns, start))
        if len(pointing):
            x, y = (int(chat.tokenizer.decode([int(ids[last + step])])) for step in (1, 3))
            badge = image + y * rows // size[1] * columns + x * columns // size[0]
            yield Look(FINDING, last - 1, badge)
            yield Look(POINTING, last, badge)
            yield Look(POINTING, last + 2, badge)


def _naming(ids: NDArray[np.int64], named: range, caption: range) -> Iterator[Look]:
    """A word that stands in the caption more than once tells nobody where to look."""
    for at in named:
        sources = [place for place in caption if ids[place] == ids[at]]
        if len(sources) == 1:
            yield Look(NAMING, at - 1, sources[0])


def watched_forward(
    policy: Policy, embedded: Tensor, positions: Tensor, looks: Sequence[Sequence[Look]]
) -> tuple[Tensor, Tensor, float]:
    """Final hidden states [B, L, H] of tokens [B, L, H], the mean loss of the looks, and the share of right ones."""
    model = policy.language
    rotation = language.rotations(model, positions, embedded.dtype)
    hidden = embedded
    losses, right = [], []
    for index, layer in enumerate(model.layers):
        normed = rms_norm(layer.input_layernorm, hidden)
        query, key, value = language.project(layer.self_attn, normed, normed, rotation, rotation)
        for head in (NAMING, FINDING, POINTING):
            found = [
                (row, look.at, look.target) for row, of_row in enumerate(looks) for look in of_row if look.head == head
            ]
            if head[0] == index and found:
                logits, target = _attention(query, key, head[1], torch.tensor(found))
                losses.append(F.cross_entropy(logits, target))
                right.append((logits.argmax(-1) == target).float().mean())
        hidden = language.close_layer(layer, hidden, language.attend(query, key, value, None))
    final = rms_norm(model.norm, hidden)
    if not losses:
        return final, final.new_zeros(()), 0.0
    return final, torch.stack(losses).mean(), float(torch.stack(right).mean())


def _attention(query: Tensor, key: Tensor, head: int, found: Tensor) -> tuple[Tensor, Tensor]:
    """Attention logits [N, L] of a head for N looks (row, at, target), and the targets [N]."""
    rows, at, target = found.T
    groups = query.shape[1] // key.shape[1]
    logits = (key[rows, head // groups] @ query[rows, head, at][..., None])[..., 0] * query.shape[-1] ** -0.5
    later = torch.arange(logits.shape[1]) > at[:, None]
    return logits.masked_fill(later, float("-inf")), target
