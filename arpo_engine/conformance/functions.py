"""Our answer to each numeric function of the published code that a case may name: arguments in, named results out.

The names and arguments are those of verl/trainer/core_algos.py, verl/utils/torch_functional.py and ray_trainer.py at
7489ae3. Knows no expected outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from arpo_engine.algorithms import critic, estimators, kl, losses, masked
from arpo_engine.conformance.arrays import Values
from arpo_engine.contract.config.objective import ClipConfig, KlConfig
from arpo_engine.contract.errors import UnknownEstimator

Inputs = Mapping[str, Any]


def _grpo(given: Inputs) -> Values:
    advantages = estimators.grpo(
        given["token_level_rewards"], given["response_mask"], _index(given), given.get("eps", 1e-6)
    )
    return {"advantages": advantages, "returns": advantages}


def _index(given: Inputs) -> list[str]:
    """The group of each trajectory; names beyond the last one are not looked at there."""
    index = given["index"]
    names = index.tolist() if isinstance(index, Tensor) else index
    return [str(name) for name in names[: len(given["token_level_rewards"])]]


def _rloo(given: Inputs) -> Values:
    advantages = estimators.rloo(given["token_level_rewards"], given["response_mask"], _index(given))
    return {"advantages": advantages, "returns": advantages}


def _remax(given: Inputs) -> Values:
    advantages = estimators.remax(given["token_level_rewards"], given["reward_baselines"], given["response_mask"])
    return {"advantages": advantages, "returns": advantages}


def _reinforce_pp(given: Inputs) -> Values:
    advantages, returns = estimators.reinforce_pp(given["token_level_rewards"], given["response_mask"], given["gamma"])
    return {"advantages": advantages, "returns": returns}


def _gae(given: Inputs) -> Values:
    advantages, returns = critic.gae(
        given["token_level_rewards"], given["values"], given["response_mask"], given["gamma"], given["lam"]
    )
    return {"advantages": advantages, "returns": returns}


def _value_loss(given: Inputs) -> Values:
    mask = given["action_mask"] if "action_mask" in given else given["response_mask"]
    loss, share = critic.value_loss(given["vpreds"], given["returns"], given["values"], mask, given["cliprange_value"])
    return {"vf_loss": loss, "vf_clipfrac": share}


def policy_loss(given: Inputs) -> Values:
    """The training's own loss, with each token as a trajectory of its own, since there each token has an advantage."""
    new = given["log_probs"].clone().requires_grad_()
    mask = given["response_mask"]
    # In the mask's own precision: a mask of whole numbers makes it float32 there, where EPS is lost.
    tokens = float(mask.sum() + masked.EPS)
    shape = (new.detach() + given["old_log_probs"] + given["advantages"] + mask).shape
    each, old, advantages, counts = (
        one.expand(shape) for one in (new, given["old_log_probs"], given["advantages"], mask)
    )
    outcome = losses.policy_loss(
        each.reshape(-1, 1),
        old.reshape(-1, 1),
        advantages.flatten(),
        counts.reshape(-1, 1),
        clip=clip_of(given),
        # The loss takes a step of less than one token for one; nothing is divided here, and then by the exact number.
        normaliser=1.0,
    )
    loss = outcome.loss / tokens
    like = given["log_probs"].dtype
    return {
        "pg_loss": loss.detach(),
        "pg_clipfrac_higher": torch.tensor(outcome.clipped / tokens, dtype=like),
        "pg_clipfrac_lower": torch.tensor(outcome.clipped_dual / tokens, dtype=like),
        "ppo_kl": torch.tensor(outcome.kl_sum / tokens, dtype=like),
        "grad_log_probs": torch.autograd.grad(loss, new)[0],
    }


def clip_of(given: Inputs) -> ClipConfig:
    """The bounds of a case, or the published defaults; the published code accepts any number, so nothing is checked."""
    return ClipConfig.model_construct(
        low=given.get("clip_ratio_low", 0.2),
        high=given.get("clip_ratio_high", 0.3),
        dual=given.get("clip_ratio_dual", 3.0),
    )


def _micro_batch(given: Inputs) -> Values:
    mask = given["response_mask"]
    loss = policy_loss(given)["pg_loss"]
    result = {"loss": loss, "pg_loss": loss, "entropy_loss": -masked.masked_mean(given["log_probs"], mask)}
    if "ref_log_probs" in given:
        distance = masked.masked_mean(_kl(given)["kl"], mask)
        result |= {"loss": loss + distance * given["kl_coef"], "kl_loss": distance}
    return result


def _kl(given: Inputs) -> Values:
    name = str(given["kl_penalty"])
    if name not in THEIR_KL:
        raise UnknownEstimator(f"there is no kl_penalty {name!r}; use one of {', '.join(THEIR_KL)}")
    return {"kl": kl.kl_of_tokens(given["log_probs"], given["ref_log_probs"], THEIR_KL[name])}


THEIR_KL = {"kl": "kl", "abs": "abs", "mse": "mse", "low_var_kl": "low_var"}
"""The published names of the estimators, and ours."""


def _rewards(given: Inputs) -> Values:
    distance = given["log_probs"] - given["ref_log_probs"]
    return {"rewards": kl.penalised(given["token_level_scores"], distance, given["kl_ratio"])}


def _kl_penalty(given: Inputs) -> Values:
    mask, scores = given["response_mask"], given["token_level_scores"]
    distance = torch.zeros_like(mask, dtype=torch.float32)
    if "ref_log_probs" in given:
        distance = _kl({**given, "log_probs": given["old_log_probs"]})["kl"] * mask
    return {
        "token_level_rewards": kl.penalised(scores, distance, given["kl_coef"]),
        "current_kl": masked.masked_mean(distance, mask, dim=-1).mean(),
    }


def _kl_weight(control: Literal["fixed", "adaptive"]) -> Callable[[Inputs], Values]:
    def follow(given: Inputs) -> Values:
        config = KlConfig.model_construct(
            coef=given["init_kl_coef"],
            control=control,
            target=given.get("target_kl", 1.0),
            horizon=given.get("horizon", 1.0),
        )
        weight, after = kl.KlWeight(config), []
        for distance in given["kl_sequence"]:
            weight.update(distance, given["n_steps"])
            after.append(weight.coef)
        return {"kl_coef_after_each": after}

    return follow


def _response_mask(given: Inputs) -> Values:
    ends = given.get("eos_token_id", 2)
    ended = torch.isin(given["response_ids"], torch.tensor(ends if isinstance(ends, list) else [ends])).long()
    return {"mask": (ended.cumsum(dim=1) - ended == 0).long()}


def log_probs(given: Inputs) -> Values:
    """Log-probs of labels, in float32 as in the training; a label of -100 is no token and gives 0."""
    spread = given["logits"].float().log_softmax(-1)
    labels: Tensor = given["labels"]
    real = labels != IGNORED
    picked = spread.gather(-1, labels.where(real, torch.zeros_like(labels))[..., None])[..., 0]
    return {"log_probs": picked.where(real, torch.zeros_like(picked))}


IGNORED = -100
"""The label of what is not learnt from, as in torch's cross entropy."""

FUNCTIONS: dict[str, Callable[[Inputs], Values]] = {
    "compute_grpo_outcome_advantage": _grpo,
    "compute_rloo_outcome_advantage": _rloo,
    "compute_remax_outcome_advantage": _remax,
    "compute_reinforce_plus_plus_outcome_advantage": _reinforce_pp,
    "compute_gae_advantage_return": _gae,
    "compute_value_loss": _value_loss,
    "compute_policy_loss": policy_loss,
    "update_policy": _micro_batch,
    "compute_kl": _kl,
    "compute_rewards": _rewards,
    "apply_kl_penalty": _kl_penalty,
    "AdaptiveKLController.update": _kl_weight("adaptive"),
    "FixedKLController.update": _kl_weight("fixed"),
    "masked_mean": lambda given: {"mean": masked.masked_mean(**given)},
    "masked_var": lambda given: {"var": masked.masked_var(**given)},
    "masked_whiten": lambda given: {"whitened": masked.masked_whiten(given["values"], given["mask"])},
    "get_response_mask": _response_mask,
    "log_probs_from_logits": log_probs,
}
"""By the first word of the function that a case names."""
