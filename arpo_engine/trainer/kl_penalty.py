"""The distance from the reference policy as a penalty: in the loss of tokens, or in the reward of trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from arpo_engine.algorithms.kl import KlWeight, kl_of_tokens, penalised
from arpo_engine.algorithms.losses import aggregate
from arpo_engine.algorithms.masked import masked_mean
from arpo_engine.contract.config.objective import KlConfig
from arpo_engine.trainer.reference import BaseReference, Reference
from arpo_engine.trainer.siblings import ALONE, Siblings
from arpo_engine.types import Trajectory


class KlPenalty:
    """Measures, weighs, and adapts the weight once a step. Suffixes: B trajectories, T their sampled tokens."""

    def __init__(
        self,
        config: KlConfig,
        reference: Reference | BaseReference,
        temperature: float,
        siblings: Siblings = ALONE,
    ) -> None:
        self._siblings = siblings
        self._config = config
        self._reference = reference
        self._temperature = temperature
        self._weight = KlWeight(config)
        self._sum, self._tokens = 0.0, 0.0
        self._used = self._weight.coef

    @property
    def in_reward(self) -> bool:
        """Whether it is taken from rewards; otherwise it is part of the loss."""
        return self._config.place == "reward"

    @property
    def coef(self) -> float:
        """The weight as it is now."""
        return self._weight.coef

    def reference_logprobs(self, trajectories: Sequence[Trajectory]) -> Tensor:
        """Log-probs [B, T] under the reference policy."""
        return self._reference.logprobs(trajectories, self._temperature)

    def of_rewards(self, trajectories: Sequence[Trajectory], present_BT: Tensor) -> list[float]:
        """What each trajectory's reward is reduced by: the weighed distance summed over its tokens.

        `present_BT` are log-probs [B, T] under the policy as it is now, also of what an older one sampled.
        """
        reference = self.reference_logprobs(trajectories)
        mask = _mask(trajectories, reference)
        distance = kl_of_tokens(present_BT, reference, self._config.estimator) * mask
        self._count(distance, mask)
        self._used = self.coef
        less: list[float] = (-penalised(torch.zeros_like(distance[:, :1]), distance, self.coef).sum(dim=1)).tolist()
        self._adapt(float(masked_mean(distance, mask, dim=-1).mean()), len(trajectories))
        return less

    def of_loss(
        self, new_BT: Tensor, reference_BT: Tensor, mask_BT: Tensor, normaliser: float, *, per_trajectory: bool
    ) -> Tensor:
        """What is added to the loss of an update."""
        distance = torch.where(mask_BT, kl_of_tokens(new_BT, reference_BT, self._config.estimator), 0.0)
        self._count(distance.detach(), mask_BT)
        return self.coef * aggregate(distance, mask_BT, normaliser, per_trajectory=per_trajectory)

    def finish_step(self, trajectories: int) -> tuple[float | None, float]:
        """Mean distance of the step (nats a token) and the weight that it had; a penalty in the loss adapts here."""
        # In rewards every rank has seen all trajectories, in the loss its own share of them.
        whole, tokens = (self._sum, self._tokens) if self.in_reward else self._siblings.total(self._sum, self._tokens)
        coef, distance = self._used if self.in_reward else self.coef, whole / tokens if tokens else None
        self._sum, self._tokens = 0.0, 0.0
        if distance is not None and not self.in_reward:
            self._adapt(distance, trajectories)
        return distance, coef

    def state_dict(self) -> dict[str, Any]:
        """The weight."""
        return self._weight.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a saved weight."""
        self._weight.load_state_dict(state)

    def _count(self, distance_BT: Tensor, mask_BT: Tensor) -> None:
        self._sum += float(distance_BT.sum())
        self._tokens += float(mask_BT.sum())

    def _adapt(self, distance: float, trajectories: int) -> None:
        self._weight.update(distance, trajectories)


def _mask(trajectories: Sequence[Trajectory], like_BT: Tensor) -> Tensor:
    lengths = torch.tensor([trajectory.tokens for trajectory in trajectories], device=like_BT.device)
    return torch.arange(like_BT.shape[1], device=like_BT.device) < lengths[:, None]
