"""Log-probs and entropies of sampled tokens from hidden states, with or without logits of all of them at once.

n sampled tokens, V vocabulary, H hidden size. Of 43 thousand tokens the logits alone would take 24 GB in float32 with
a vocabulary of 152 thousand, and their gradients as much again.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from arpo_engine.models.recompute import recomputed

Logits = Callable[[Tensor], Tensor]
"""Hidden states [..., H] to float32 logits [..., V]."""


def scored(logits: Logits, hidden: Tensor, sampled: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs [...] of the `sampled` tokens [...] after `hidden` [..., H], and entropies, which carry no gradient."""
    spread = (logits(hidden) / temperature).log_softmax(-1)
    with torch.no_grad():
        entropy = -(spread.exp() * spread).sum(-1)
    return spread.gather(-1, sampled[..., None])[..., 0], entropy


def scored_in_chunks(
    logits: Logits, hidden: Tensor, sampled: Tensor, temperature: float, chunk: int
) -> tuple[Tensor, Tensor]:
    """The same of `hidden` [n, H] and `sampled` [n], but the logits of `chunk` tokens are all that ever exists: for the
    gradient they are computed once more."""
    found = [
        recomputed(scored, logits, part, tokens, temperature)
        for part, tokens in zip(hidden.split(chunk), sampled.split(chunk), strict=True)
    ]
    logprobs, entropies = zip(*found, strict=True)
    return torch.cat(logprobs), torch.cat(entropies)
