"""The policy that learning must not stray too far from: frozen, and on the accelerator only while it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from arpo_engine.models.lora import Adapter
from arpo_engine.models.policy import Policy
from arpo_engine.types import Trajectory


class BaseReference:
    """The model under a policy's own adapter (LoRA): the same weights, the adapter off; no second copy is loaded."""

    def __init__(self, policy: Policy, adapter: Adapter) -> None:
        self._policy = policy
        self._adapter = adapter

    @torch.no_grad()
    def logprobs(self, trajectories: Sequence[Trajectory], temperature: float) -> Tensor:
        """Log-probs [B, T] of the sampled tokens, laid out like `Policy.reply_logprobs`."""
        with self._adapter.switched_off():
            return self._policy.reply_logprobs(trajectories, temperature).logprobs


class Reference:
    """Log-probs under frozen weights."""

    def __init__(self, policy: Policy, *, device: torch.device, offload: bool) -> None:
        self._policy = policy
        self._device = device
        self._offload = offload
        if not offload:
            self._module.to(device)

    @property
    def _module(self) -> Any:
        return self._policy.module

    @torch.no_grad()
    def logprobs(self, trajectories: Sequence[Trajectory], temperature: float) -> Tensor:
        """Log-probs [B, T] of the sampled tokens, laid out like `Policy.reply_logprobs`."""
        if not self._offload:
            return self._policy.reply_logprobs(trajectories, temperature).logprobs
        self._module.to(self._device)
        try:
            return self._policy.reply_logprobs(trajectories, temperature).logprobs
        finally:
            self._module.to("cpu")
