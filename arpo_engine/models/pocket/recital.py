"""Demonstrations learnt by heart without looking: which words of the instruction to say, and in which order.

Copying the right word into the thought is the slowest thing that so small a policy learns. Without screenshots an
episode is four times shorter and needs no vision tower, so it sees many times more of them in the same minutes. Tokens
keep the rotary positions that they have beside their screenshots, so what is learnt here holds there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from arpo_engine.models.chat import ChatFormat
from arpo_engine.models.pocket.lessons import Demonstration
from arpo_engine.models.policy import Policy
from arpo_engine.models.positions import Ids, mrope_positions

POINTING = "start_box"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verse:
    """One episode without its screenshots."""

    ids: Ids
    positions: Ids
    """[3, length]"""
    asked: NDArray[np.bool_]
    """Which ids the policy is to say: replies, but for the places, which cannot be known without looking."""


def verse(chat: ChatFormat, system: str, lesson: Demonstration) -> Verse:
    """Leave the screenshots out of a demonstration."""
    ids: list[int] = []
    asked: list[bool] = []
    grids = []
    for number, (pixels, reply) in enumerate(lesson.turns):
        size = (pixels.shape[1], pixels.shape[0])
        task = lesson.instruction
        prompt = chat.turn_ids(size, task) if number else chat.opening_ids(system, "", size, task)
        said = chat.reply_ids(reply)
        seen = [chat.tokenizer.convert_ids_to_tokens(token).isdigit() for token in said]
        ids += (*prompt, *said)
        asked += [False] * len(prompt) + [not (digits and POINTING in reply) for digits in seen]
        grids.append(chat.patches.grid(*size))
    whole = np.array(ids, dtype=np.int64)
    positions, _ = mrope_positions(whole, grids, chat.image_id)
    kept = whole != chat.image_id
    return Verse(ids=whole[kept], positions=positions[:, kept], asked=np.array(asked)[kept])


def recital_loss(policy: Policy, verses: Sequence[Verse]) -> tuple[Tensor, float]:
    """Mean negative log-prob of what is asked for, and how often the best guess was right."""
    length = max(len(item.ids) for item in verses)
    width = max(int(item.asked.sum()) for item in verses)
    ids = np.full((len(verses), length), policy.chat.end_id, dtype=np.int64)
    positions = np.zeros((3, len(verses), length), dtype=np.int64)
    places = np.zeros((len(verses), width), dtype=np.int64)
    weights = np.zeros((len(verses), width), dtype=np.float32)
    for row, item in enumerate(verses):
        ids[row, : len(item.ids)], positions[:, row, : len(item.ids)] = item.ids, item.positions
        said = np.flatnonzero(item.asked) - 1
        places[row, : len(said)], weights[row, : len(said)] = said, 1.0
    ids_BL, places_BQ, weights_BQ = torch.from_numpy(ids), torch.from_numpy(places), torch.from_numpy(weights)
    embedded = policy.module.get_input_embeddings()(ids_BL)
    logits = policy.logits(policy.hidden_at(embedded, torch.from_numpy(positions), places_BQ))
    wanted = ids_BL.gather(1, places_BQ + 1)
    each = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none").view_as(weights_BQ)
    right = ((logits.argmax(-1) == wanted) * weights_BQ).sum() / weights_BQ.sum()
    return (each * weights_BQ).sum() / weights_BQ.sum(), float(right)
