"""Faults of the published code that we do not have, each with the inputs that show it and what it makes of them.

A rule looks at a case's input alone. It knows what the fault gives there, too, so that a deviation is no blank cheque:
an expected output that is neither ours nor the fault's is a mismatch. docs/fidelity.md tells each rule by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arpo_engine.algorithms import masked
from arpo_engine.conformance.arrays import Values
from arpo_engine.conformance.functions import FUNCTIONS, Inputs, clip_of, log_probs

ASKS_GRADIENT = "asks_gradient"
"""Put among the inputs when a case wants the gradient of the log-probs as well."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault."""

    name: str
    applies: Callable[[Inputs], bool]
    answer: Callable[[Inputs], Values]
    """What the fault makes of inputs to which the rule applies."""


def rule_for(function: str, given: Inputs) -> Rule | None:
    """The fault that these inputs show, if they show one."""
    return next((rule for rule in RULES.get(function, ()) if rule.applies(given)), None)


def _log_ratio(given: Inputs) -> Tensor:
    difference: Tensor = given["log_probs"] - given["old_log_probs"]
    return difference


def _ratio_overflows(given: Inputs) -> bool:
    """exp(log-ratio) is infinite: 0 · inf is NaN in the gradient, and in the loss where the advantage is 0."""
    infinite = torch.exp(_log_ratio(given)).isinf()
    harmful = infinite if given.get(ASKS_GRADIENT) else infinite & (given["advantages"] == 0)
    return bool(harmful.any())


def _padding_is_not_finite(given: Inputs) -> bool:
    """NaN or infinity where no token was sampled: times a mask of 0 it is NaN all the same."""
    padding = given["response_mask"] == 0
    return bool((padding & ~(_log_ratio(given).isfinite() & given["advantages"].isfinite())).any())


def _ratio_is_nan(given: Inputs) -> bool:
    """A log-ratio that is no number where a token counts; the gradient of a bound on it is 0."""
    return bool(given.get(ASKS_GRADIENT)) and bool((_log_ratio(given).isnan() & (given["response_mask"] != 0)).any())


def _lowest_bound_is_below_zero(given: Inputs) -> bool:
    return bool(clip_of(given).low > 1)


def _unguarded_loss(given: Inputs) -> Values:
    """The clipped loss as published, without a bound on the ratio and with the mask only as a factor."""
    new = given["log_probs"].clone().requires_grad_()
    mask, advantages, clip = given["response_mask"], given["advantages"], clip_of(given)
    log_ratio = new - given["old_log_probs"]
    with np.errstate(all="ignore"):
        bounds = float(np.log(1.0 - clip.low)), float(np.log(1.0 + clip.high))
    plain = -advantages * torch.exp(log_ratio)
    cut = -advantages * torch.exp(torch.clamp(log_ratio, *bounds))
    bound = -advantages * clip.dual
    higher = torch.max(plain, cut)
    chosen = torch.where(advantages < 0, torch.min(higher, bound), higher)
    loss = masked.masked_mean(chosen, mask)
    shares = ((plain < cut).float(), (higher > bound).float() * (advantages < 0).float(), -log_ratio.detach())
    higher_share, lower_share, distance = (masked.masked_mean(share, mask) for share in shares)
    return {
        "pg_loss": loss.detach(),
        "pg_clipfrac_higher": higher_share,
        "pg_clipfrac_lower": lower_share,
        "ppo_kl": distance,
        "grad_log_probs": torch.autograd.grad(loss, new)[0],
    }


def _unguarded_micro_batch(given: Inputs) -> Values:
    result = dict(FUNCTIONS["update_policy"](given))
    loss = _unguarded_loss(given)["pg_loss"]
    return {**result, "pg_loss": loss, "loss": loss + result.get("kl_loss", 0.0) * given.get("kl_coef", 0.0)}


def _reward_is_not_finite(given: Inputs) -> bool:
    return not bool(given["token_level_rewards"].isfinite().all())


def _score_is_broadcast(given: Inputs) -> bool:
    scores, tokens = given["token_level_scores"], given.get("response_mask", given.get("log_probs"))
    return bool(tokens is not None and scores.shape[-1] == 1 < tokens.shape[-1] and (scores != 0).any())


def _broadcast_reward(given: Inputs) -> Values:
    distance = given["log_probs"] - given["ref_log_probs"]
    return {"rewards": given["token_level_scores"] - distance * given["kl_ratio"]}


def _baseline_is_a_column(given: Inputs) -> bool:
    baselines = given["reward_baselines"]
    return bool(baselines.dim() > 1 and baselines.shape[0] > 1)


def _every_score_less_every_baseline(given: Inputs) -> Values:
    scores = given["token_level_rewards"].sum(dim=-1) - given["reward_baselines"]
    advantages = scores.unsqueeze(-1) * given["response_mask"]
    return {"advantages": advantages, "returns": advantages}


def _broadcast_score(given: Inputs) -> Values:
    ours = FUNCTIONS["apply_kl_penalty"](given)
    scores = given["token_level_scores"]
    penalties = FUNCTIONS["apply_kl_penalty"]({**given, "token_level_scores": torch.zeros_like(scores)})
    return {**ours, "token_level_rewards": scores + penalties["token_level_rewards"]}


def _distance_is_nan(given: Inputs) -> bool:
    return any(np.isnan(distance) for distance in given["kl_sequence"])


def _nan_for_good(given: Inputs) -> Values:
    first = int(np.isnan(given["kl_sequence"]).argmax())
    kept = FUNCTIONS["AdaptiveKLController.update"]({**given, "kl_sequence": given["kl_sequence"][:first]})
    lost = [float("nan")] * (len(given["kl_sequence"]) - first)
    return {"kl_coef_after_each": [*kept["kl_coef_after_each"], *lost]}


def _horizon_is_zero(given: Inputs) -> bool:
    return bool(given["horizon"] == 0 and given["target_kl"] != 0 and given["kl_sequence"])


def _divided_by_zero(given: Inputs) -> Values:
    weight, after = np.float64(given["init_kl_coef"]), []
    with np.errstate(all="ignore"):
        for distance in given["kl_sequence"]:
            error = np.clip(np.float64(distance) / given["target_kl"] - 1, -0.2, 0.2)
            weight *= 1 + error * given["n_steps"] / np.float64(given["horizon"])
            after.append(float(weight))
    return {"kl_coef_after_each": after}


def _likelihood_is_lost(given: Inputs) -> bool:
    """A token that the policy holds for impossible and the reference does not."""
    lost = (given["ref_log_probs"].float() - given["log_probs"].float()) == torch.inf
    return given["kl_penalty"] == "low_var_kl" and bool(lost.any())


def _infinity_less_infinity(given: Inputs) -> Values:
    gap = given["ref_log_probs"].float() - given["log_probs"].float()
    return {"kl": torch.clamp(gap.exp() - gap - 1, min=-10, max=10)}


def _full_kl(given: Inputs) -> Values:
    policy, reference = given["log_probs"].float(), given["ref_log_probs"].float()
    return {"kl": torch.nn.functional.kl_div(reference, policy, log_target=True, reduction="none").sum(-1)}


def _is_full(given: Inputs) -> bool:
    return bool(given["kl_penalty"] == "full")


def _always(given: Inputs) -> bool:
    return True


def _positive(given: Inputs) -> Values:
    return {"log_probs": -log_probs(given)["log_probs"]}


def _spreading(function: str) -> Rule:
    return Rule("reward-not-finite", _reward_is_not_finite, FUNCTIONS[function])


def _loss_rules(answer: Callable[[Inputs], Values]) -> tuple[Rule, ...]:
    return (
        Rule("padding-not-finite", _padding_is_not_finite, answer),
        Rule("ratio-overflow", _ratio_overflows, answer),
        Rule("ratio-not-a-number", _ratio_is_nan, answer),
        Rule("bound-below-zero", _lowest_bound_is_below_zero, answer),
    )


RULES: dict[str, tuple[Rule, ...]] = {
    "log_probs_from_logits": (Rule("positive-log-probs", _always, _positive),),
    "compute_policy_loss": _loss_rules(_unguarded_loss),
    "update_policy": _loss_rules(_unguarded_micro_batch),
    "compute_kl": (
        Rule("kl-full-over-tokens", _is_full, _full_kl),
        Rule("kl-of-the-impossible", _likelihood_is_lost, _infinity_less_infinity),
    ),
    "compute_rewards": (Rule("score-on-every-token", _score_is_broadcast, _broadcast_reward),),
    "apply_kl_penalty": (Rule("score-on-every-token", _score_is_broadcast, _broadcast_score),),
    "AdaptiveKLController.update": (
        Rule("horizon-of-zero", _horizon_is_zero, _divided_by_zero),
        Rule("distance-not-a-number", _distance_is_nan, _nan_for_good),
    ),
    "compute_remax_outcome_advantage": (
        Rule("baseline-as-a-column", _baseline_is_a_column, _every_score_less_every_baseline),
        _spreading("compute_remax_outcome_advantage"),
    ),
    **{
        function: (_spreading(function),)
        for function in (
            "compute_grpo_outcome_advantage",
            "compute_rloo_outcome_advantage",
            "compute_reinforce_plus_plus_outcome_advantage",
        )
    },
}
"""By function. The first rule that applies names the deviation."""
