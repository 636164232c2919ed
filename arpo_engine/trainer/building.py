"""A learner from a run's config, with its penalty and reference policy: in the run's process or in that of a rank."""

from __future__ import annotations

from collections.abc import Callable

from arpo_engine.contract.config import RunConfig
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.kl_penalty import KlPenalty
from arpo_engine.trainer.learner import Learner
from arpo_engine.trainer.reference import BaseReference, Reference
from arpo_engine.trainer.siblings import ALONE, Siblings

Spread = Callable[[Policy], None]
"""Spreads a policy that is only asked, never trained, over the ranks."""


def build_learner(
    config: RunConfig, policy: Policy, siblings: Siblings = ALONE, spread: Spread | None = None
) -> Learner:
    """The learner of a policy; with siblings, of the part of it that is here."""
    policy.passes = config.learner
    return Learner(
        policy,
        algorithm=config.algorithm,
        optimizer=config.optimizer,
        temperature=config.rollout.temperature,
        total_steps=config.limits.steps,
        seed=config.seed,
        penalty=_kl_penalty(config, policy, siblings, spread),
        siblings=siblings,
    )


def _kl_penalty(config: RunConfig, policy: Policy, siblings: Siblings, spread: Spread | None) -> KlPenalty | None:
    """The penalty that the config asks for, with a reference policy of its own."""
    start, kl, temperature = config.model, config.algorithm.kl, config.rollout.temperature
    if kl.place == "off":
        return None
    if policy.adapter is not None and kl.reference is None:
        return KlPenalty(kl, BaseReference(policy, policy.adapter, siblings), temperature, siblings)
    frozen = Policy.load(kl.reference or start.path, start.dtype, start.trust_remote_code, start.max_pixels)
    frozen.passes = config.learner
    if spread is None:
        reference = Reference(frozen, device=policy.device, offload=kl.offload)
    else:
        frozen.module.requires_grad_(False)
        spread(frozen)
        reference = Reference(frozen, siblings=siblings)
    return KlPenalty(kl, reference, temperature, siblings)
