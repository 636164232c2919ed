"""Passes of a rank that has nothing to compute while its siblings have: the same layers, worth nothing.

Ranks that share weights bring each layer together for every pass, all of them or none, so that a rank with fewer passes
than the others would leave them waiting for ever. Source: FSDP2 gathers and reduces by collective calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from arpo_engine.models.policy import Policy

SIDE = 56
"""Pixels of a blank screenshot's side; the model's own limits may make it larger."""


def idle_pass(policy: Policy) -> Tensor:
    """0, computed by every layer of the language model and its head from two tokens."""
    ids = torch.full((1, 2), policy.chat.end_id, device=policy.device)
    positions = torch.arange(2, device=policy.device).expand(3, 1, 2)
    places = torch.zeros((1, 1), dtype=torch.long, device=policy.device)
    embedded = policy.module.get_input_embeddings()(ids)
    if torch.is_grad_enabled() and _sees_and_learns(policy):
        # As visual tokens make it in any other pass: gradients of layers are reduced in the order in which they come.
        embedded = embedded + torch.zeros((), device=policy.device, requires_grad=True)
    return policy.logits(policy.hidden_at(embedded, positions, places)).sum() * 0.0


def idle_encoding(policy: Policy) -> Tensor:
    """0, computed by the vision tower from a blank screenshot."""
    (features,) = policy.encode_frames([np.zeros((SIDE, SIDE, 3), dtype=np.uint8)])
    return features.float().sum() * 0.0


def _sees_and_learns(policy: Policy) -> bool:
    return any(weight.requires_grad for weight in policy.module.model.visual.parameters())
