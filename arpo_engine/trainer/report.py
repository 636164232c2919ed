"""What one step of learning did, summed up over its updates. Knows numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from arpo_engine.trainer.gradient import Part
from arpo_engine.trainer.sampler_gap import SamplerGap, combined
from arpo_engine.trainer.siblings import Siblings


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnReport:
    """What one step of learning did. A number is None where nothing was learnt from."""

    updates: int
    learning_rate: float
    finite: bool
    """False: a loss or a gradient was NaN or infinite; the weights were left as they were from there on."""
    loss: float | None = None
    entropy: float | None = None
    grad_norm: float | None = None
    clip_fraction: float | None = None
    clip_fraction_high: float | None = None
    clip_fraction_dual: float | None = None
    approx_kl: float | None = None
    live_share: float = 0.0
    """Share of the trajectories that had an advantage."""
    reference_kl: float | None = None
    """Distance from the reference policy (nats a token); None without one."""
    kl_coef: float | None = None
    """Weight that it had in this step."""
    surprisal: float | None = None
    """Mean of -log p over the sampled tokens (nats): what the published code logs as its entropy."""
    effort: Mapping[str, float] = field(default_factory=dict)
    """Seconds and memory by metric key."""
    gap: SamplerGap | None = None
    """How far the generator's log-probs are from the learner's; None where no token could be compared."""


OWN = ("tokens", "loss", "entropy", "clipped", "clipped_high", "clipped_dual", "kl", "surprisal")
"""Sums over what a rank computed itself."""


@dataclass(slots=True)
class Sums:
    """Over the updates of one step."""

    updates: int = 0
    tokens: float = 0.0
    loss: float = 0.0
    entropy: float = 0.0
    norm: float = 0.0
    clipped: float = 0.0
    clipped_high: float = 0.0
    clipped_dual: float = 0.0
    kl: float = 0.0
    surprisal: float = 0.0
    gap: SamplerGap | None = None

    def add(self, parts: Sequence[Part], norm: float) -> None:
        """One more update, by its parts; the first one tells how far the sampler is away."""
        if not self.updates:
            self.gap = combined([part.gap for part in parts])
        self.updates += 1
        self.norm += norm
        for part in parts:
            self.tokens += part.outcome.tokens
            self.loss += part.loss
            self.entropy += part.entropy
            self.surprisal += part.surprisal
            self.clipped += part.outcome.clipped
            self.clipped_high += part.outcome.clipped_high
            self.clipped_dual += part.outcome.clipped_dual
            self.kl += part.outcome.kl_sum

    def joined(self, siblings: Siblings) -> Sums:
        """What all ranks counted; norms are of all of them already."""
        if siblings.size == 1:
            return self
        gap = self.gap or SamplerGap(mean_abs=0.0, k3=0.0, tokens=0)
        counted = siblings.total(*(getattr(self, name) for name in OWN), *gap.sums())
        own: dict[str, Any] = dict(zip(OWN, counted, strict=False))
        return replace(self, **own, gap=SamplerGap.of_sums(*counted[len(OWN) :]))

    def report(
        self,
        rate: float,
        *,
        finite: bool,
        live_share: float,
        reference_kl: float | None,
        kl_coef: float | None,
        effort: Mapping[str, float],
    ) -> LearnReport:
        """The step as a whole."""
        if not self.updates:
            return LearnReport(updates=0, learning_rate=rate, finite=finite, live_share=live_share, effort=effort)
        return LearnReport(
            updates=self.updates,
            learning_rate=rate,
            finite=finite,
            loss=self.loss / self.updates,
            entropy=self.entropy / self.tokens,
            grad_norm=self.norm / self.updates,
            clip_fraction=self.clipped / self.tokens,
            clip_fraction_high=self.clipped_high / self.tokens,
            clip_fraction_dual=self.clipped_dual / self.tokens,
            approx_kl=self.kl / self.tokens,
            live_share=live_share,
            reference_kl=reference_kl,
            kl_coef=kl_coef,
            surprisal=self.surprisal / self.tokens,
            effort=effort,
            gap=self.gap,
        )
