"""Attention over contexts that stand in one row, one after another: each sees itself alone, and nothing is padded.

On a GPU in half precision one varlen call of flash attention does it; elsewhere each context has a call of its own,
which on a CPU takes a tenth of the time of one call with a mask for the whole row. Knows heads; knows no model.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

HALVES = (torch.bfloat16, torch.float16)
"""All that flash attention computes in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """Where the contexts of a row end, and how many places are asked in each."""

    lengths: tuple[int, ...]
    """Tokens of each; together they are the row."""
    asked: tuple[int, ...]

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Causal attention [1, heads, L, D] of a row's tokens, each within its context."""
        kernel = varlen_kernel() if query.is_cuda and query.dtype in HALVES else None
        if kernel is not None:
            return self._in_one_call(kernel, query, key, value)
        key, value = _for_every_head(query, key, value)
        parts = zip(*(heads.split(self.lengths, 2) for heads in (query, key, value)), strict=True)
        attended = [F.scaled_dot_product_attention(q, k, v, is_causal=True) for q, k, v in parts]
        return torch.cat(attended, 2)

    def attend_at(self, places: Tensor, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention [1, heads, Q, D] of queries that stand at `places` [Q] of the row, in order."""
        key, value = _for_every_head(query, key, value)
        parts = zip(
            query.split(self.asked, 2),
            places.split(self.asked),
            key.split(self.lengths, 2),
            value.split(self.lengths, 2),
            strict=True,
        )
        attended, start = [], 0
        for (asking, at, known, held), length in zip(parts, self.lengths, strict=True):
            if len(at):
                seen = torch.arange(start, start + length, device=at.device) <= at[:, None]
                attended.append(F.scaled_dot_product_attention(asking, known, held, attn_mask=seen))
            start += length
        return torch.cat(attended, 2)

    def text_positions(self, device: torch.device) -> Tensor:
        """[1, L] the number of each token in its context; where it starts anew transformers sees another context."""
        return torch.cat([torch.arange(length, device=device) for length in self.lengths])[None]

    def _in_one_call(self, kernel: Callable[..., Any], query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        ends = torch.tensor((0, *self.lengths), device=query.device).cumsum(0).to(torch.int32)
        longest = max(self.lengths)
        rows = (heads[0].transpose(0, 1) for heads in (query, key, value))
        attended: Tensor = kernel(*rows, ends, ends, longest, longest, window_size=(-1, 0), enable_gqa=True)
        return attended.transpose(0, 1)[None]


@cache
def varlen_kernel() -> Callable[..., Any] | None:
    """Torch's own flash attention over many lengths; None where this torch has none that fits."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    wanted = {"window_size", "enable_gqa"}
    return varlen_attn if wanted <= set(inspect.signature(varlen_attn).parameters) else None


def _for_every_head(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    groups = query.shape[1] // key.shape[1]
    return (key, value) if groups == 1 else (key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1))
