"""Drawing tokens from logits so that a reply depends on its own seed, never on which episodes shared its batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from arpo_engine.inference.base import Sampling

WORDS_PER_BLOCK = 16
GREEDY = 0.0


def uniforms(seed: int, count: int) -> list[float]:
    """`count` numbers in (0, 1), the same for the same seed on every machine."""
    blocks = -(-count // WORDS_PER_BLOCK)
    digest = b"".join(hashlib.blake2b(f"{seed}/{block}".encode(), digest_size=64).digest() for block in range(blocks))
    words = np.frombuffer(digest, dtype="<u4")[:count]
    numbers: list[float] = ((words + 0.5) / 2**32).tolist()
    return numbers


class Drawer:
    """Draws one token after another for a batch of rows, each with its own settings and its own random numbers."""

    def __init__(self, settings: Sequence[Sampling], numbers: Sequence[Sequence[float]], device: torch.device) -> None:
        self.greedy = torch.tensor([item.temperature == GREEDY for item in settings], device=device)
        scales = [item.temperature or 1.0 for item in settings]
        self.temperature = torch.tensor(scales, device=device)[:, None]
        self.top_p = torch.tensor([item.top_p for item in settings], device=device)[:, None]
        self.numbers = torch.tensor(numbers, dtype=torch.float32, device=device)

    def draw(self, logits: Tensor, turn: int) -> tuple[Tensor, Tensor]:
        """Token ids and their log-probs under softmax(logits / temperature); greedy rows report temperature 1."""
        spread = (logits / self.temperature).log_softmax(-1)
        chances = spread.exp()
        if bool((self.top_p < 1).any()):
            chances = nucleus(chances, self.top_p)
        upto = chances.cumsum(-1)
        aim = self.numbers[:, turn, None] * upto[:, -1:]
        tokens = (upto < aim).sum(-1)
        tokens = torch.where(self.greedy, logits.argmax(-1), tokens)
        return tokens, spread.gather(-1, tokens[:, None])[:, 0]


def nucleus(chances: Tensor, top_p: Tensor) -> Tensor:
    """`chances` [B, V] with everything outside the smallest set that holds `top_p` [B, 1] set to 0."""
    ordered, order = chances.sort(-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    kept = ordered * (before < top_p)
    return torch.zeros_like(chances).scatter(-1, order, kept)
