"""The policy that learning must not stray too far from: frozen, and on the accelerator only while it is asked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from arpo_engine.models.lora import Adapter
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.siblings import ALONE, Siblings, shared_logprobs
from arpo_engine.types import Trajectory


class BaseReference:
    """The model under a policy's own adapter (LoRA): the same weights, the adapter off; no second copy is loaded."""

    def __init__(self, policy: Policy, adapter: Adapter, siblings: Siblings = ALONE) -> None:
        self._policy = policy
        self._adapter = adapter
        self._siblings = siblings

    def logprobs(self, trajectories: Sequence[Trajectory], temperature: float) -> Tensor:
        """Log-probs [B, T] of the sampled tokens, laid out like `Policy.reply_logprobs`."""
        with self._adapter.switched_off():
            return shared_logprobs(self._siblings, self._policy, trajectories, temperature)


class Reference:
    """Log-probs under frozen weights. Without a device these stay where they are: spread over ranks."""

    def __init__(
        self,
        policy: Policy,
        *,
        device: torch.device | None = None,
        offload: bool = False,
        siblings: Siblings = ALONE,
    ) -> None:
        self._policy = policy
        self._device = device
        self._offload = offload
        self._siblings = siblings
        if device is not None and not offload:
            policy.move_to(device)

    def logprobs(self, trajectories: Sequence[Trajectory], temperature: float) -> Tensor:
        """Log-probs [B, T] of the sampled tokens, laid out like `Policy.reply_logprobs`."""
        if not self._offload or self._device is None:
            return shared_logprobs(self._siblings, self._policy, trajectories, temperature)
        self._policy.move_to(self._device)
        try:
            return shared_logprobs(self._siblings, self._policy, trajectories, temperature)
        finally:
            self._policy.move_to(torch.device("cpu"))
