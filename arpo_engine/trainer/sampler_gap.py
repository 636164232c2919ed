"""How far the log-probs of the generator are from those of the learner, for the same tokens under the same weights.

They would be equal if both computed alike. Other kernels, other precision, or caches that outlived a push of weights
show here first. Suffixes: B trajectories, T sampled tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from arpo_engine.types import Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerGap:
    """Over the tokens that were compared."""

    mean_abs: float
    """Mean of |d| (nats), d = the learner's log-prob less the generator's."""
    k3: float
    """Mean of exp(d) - 1 - d: an estimate of KL(generator, learner) without bias and never negative
    (http://joschu.net/blog/kl-approx.html)."""
    tokens: int

    def sums(self) -> tuple[float, float, float]:
        """Of both over the tokens, and their number: what several gaps can be added up by."""
        return self.mean_abs * self.tokens, self.k3 * self.tokens, float(self.tokens)

    @classmethod
    def of_sums(cls, absolute: float, k3: float, tokens: float) -> SamplerGap | None:
        """The gap over all tokens that were summed up; None where there is none."""
        if not tokens:
            return None
        return cls(mean_abs=absolute / tokens, k3=k3 / tokens, tokens=round(tokens))


def sampler_gap(
    trajectories: Sequence[Trajectory], learner_BT: Tensor, generator_BT: Tensor, version: int
) -> SamplerGap | None:
    """Compare the tokens that were sampled by the weights of `version`, which must be the learner's now.

    Others differ because the policy has moved, not because it is computed differently. Tokens whose log-prob nobody
    recorded (NaN) are left out. None where nothing is left.
    """
    today = torch.zeros(learner_BT.shape, dtype=torch.bool)
    for row, trajectory in enumerate(trajectories):
        marks = [step.weight_version == version for step in trajectory.steps for _ in step.reply_ids]
        today[row, : len(marks)] = torch.tensor(marks, dtype=torch.bool)
    apart = (learner_BT.detach() - generator_BT)[today.to(learner_BT.device)].double()
    apart = apart[apart.isfinite()]
    if not apart.numel():
        return None
    return SamplerGap(
        mean_abs=float(apart.abs().mean()), k3=float((apart.exp() - 1 - apart).mean()), tokens=apart.numel()
    )


def combined(gaps: Sequence[SamplerGap | None]) -> SamplerGap | None:
    """The gap over all tokens, of which each of `gaps` is over some."""
    known = [gap for gap in gaps if gap is not None]
    if len(known) < 2:
        return known[0] if known else None
    tokens = sum(gap.tokens for gap in known)
    return SamplerGap(
        mean_abs=sum(gap.mean_abs * gap.tokens for gap in known) / tokens,
        k3=sum(gap.k3 * gap.tokens for gap in known) / tokens,
        tokens=tokens,
    )
