"""What the keys below `algorithm.` and the actor's loss become. Sources: the published code's `core_algos.py`,
`ray_trainer.py` and `replay_buffer.py` (revision 7489ae3), and EasyR1's additions (revision b44b311).
"""

from __future__ import annotations

from arpo_engine.contract.config.verl.verdicts import (
    Judgement,
    Reading,
    Refusal,
    Rule,
    adapted,
    done_by_itself,
    inert,
    mapped,
    number_to,
    only,
    whole_to,
)

_ESTIMATORS = {"grpo": "grpo", "rloo": "rloo", "remax": "remax", "reinforce_plus_plus": "reinforce_pp"}
_KL = {"kl": "kl", "abs": "abs", "mse": "mse", "low_var_kl": "low_var"}
_FILTER = "belongs to online_filtering, which is off"


def _estimator(reading: Reading, key: str) -> Judgement:
    if reading.get(key) == "gae":
        raise Refusal(
            "gae needs a critic, a second model of values that is not trained here; use grpo, rloo, remax or "
            "reinforce_plus_plus"
        )
    return mapped(algorithm__estimator=reading.one_of(key, _ESTIMATORS))


def _discount(reading: Reading, key: str) -> Judgement:
    if reading.get("algorithm.adv_estimator") == "reinforce_plus_plus" and key.endswith("gamma"):
        if reading.number(key) != 1.0:
            raise Refusal(f"rewards are not discounted here, and gamma is {reading.get(key)}; use 1.0")
        return adapted("rewards are not discounted here, which is gamma = 1")
    return inert("only gae reads it (gamma also reinforce_plus_plus)")


def _kl_off(reading: Reading) -> bool:
    return reading.get("algorithm.disable_kl") is True


def _disable_kl(reading: Reading, key: str) -> Judgement:
    if reading.truth(key):
        return mapped("no reference model is loaded", algorithm__kl__place="off")
    place = "loss" if reading.truth("algorithm.use_kl_loss") else "reward"
    return mapped(f"the distance to the reference is taken from the {place}", algorithm__kl__place=place)


def _use_kl_loss(reading: Reading, key: str) -> Judgement:
    if _kl_off(reading):
        return inert("disable_kl is on, so no distance is taken")
    reading.truth(key)
    return mapped("together with disable_kl: algorithm.kl.place")


def _kl_penalty(reading: Reading, key: str) -> Judgement:
    if reading.get(key) == "full":
        raise Refusal(
            "full needs the whole distribution of every token, which is not computed (nor in the original, which "
            "raises an error); use low_var_kl, kl, abs or mse"
        )
    estimator = reading.one_of(key, _KL)
    return inert("disable_kl is on") if _kl_off(reading) else mapped(algorithm__kl__estimator=estimator)


def _unless_kl_off(rule: Rule) -> Rule:
    return lambda reading, key: inert("disable_kl is on") if _kl_off(reading) else rule(reading, key)


def _kl_type(reading: Reading, key: str) -> Judgement:
    return mapped(algorithm__kl__control=reading.one_of(key, {"fixed": "fixed", "adaptive": "adaptive"}))


def _if_adaptive(path: str) -> Rule:
    def rule(reading: Reading, key: str) -> Judgement:
        if reading.get("algorithm.kl_type") != "adaptive":
            return inert("kl_type is fixed")
        return number_to(path)(reading, key)

    return _unless_kl_off(rule)


def _replay(reading: Reading, key: str) -> Judgement:
    asked = reading.truth(key)
    more = "" if asked else "; this run had it on too. To have it off, set algorithm.replay.enabled=false"
    return inert(
        "declared and never read in the published code, where replay is always on; it stays on here, in paper mode"
        + more
    )


def _minibatches(reading: Reading, key: str) -> Judgement:
    prompts, per_update = reading.whole("data.rollout_batch_size"), reading.whole(key)
    if prompts % per_update:
        raise Refusal(
            f"data.rollout_batch_size = {prompts} is no multiple of {per_update}, which the original refuses as well; "
            "use a divisor"
        )
    n, updates = reading.whole("worker.rollout.n"), prompts // per_update
    note = f"{per_update} prompts x {n} rollouts = {per_update * n} trajectories an update, so {updates} updates a step"
    return adapted(note, algorithm__minibatches=updates)


def _average(reading: Reading, key: str) -> Judgement:
    """How tokens are averaged follows from the micro-batch: each one's mean over tokens counts alike. Here it is also
    what is computed at once, as tokens: so many trajectories of the longest that is learnt from."""
    size = reading.whole(key)
    most = size * reading.whole("data.max_prompt_length")
    if reading.get("worker.actor.loss_avg_mode") is not None:
        return adapted(
            f"{most} tokens are computed at once; loss_avg_mode decides how they are averaged",
            learner__tokens_per_pass=most,
        )
    if size == 1:
        return adapted(
            f"with one trajectory a micro-batch every trajectory counts alike; {most} tokens are computed at once",
            algorithm__loss__aggregation="seq_mean",
            learner__tokens_per_pass=most,
        )
    return adapted(
        f"there {size} trajectories share a mean over their tokens; here all tokens of an update do, and {most} are "
        "computed at once",
        algorithm__loss__aggregation="token_mean",
        learner__tokens_per_pass=most,
    )


def _loss_average(reading: Reading, key: str) -> Judgement:
    return mapped(algorithm__loss__aggregation=reading.one_of(key, {"token": "token_mean", "seq": "seq_mean"}))


def _loss_kind(reading: Reading, key: str) -> Judgement:
    if reading.get(key) == "gspo_token":
        return adapted(
            "all tokens of a trajectory share an advantage, where it equals gspo", algorithm__loss__kind="gspo"
        )
    return mapped(algorithm__loss__kind=reading.one_of(key, {"default": "ppo", "gspo": "gspo", "cispo": "cispo"}))


def _filtering(reading: Reading, key: str) -> Judgement:
    if not reading.truth(key):
        return adapted("groups whose rewards are alike are kept, as paper mode does")
    return adapted(
        "groups whose rewards are alike are dropped; no other tasks are drawn in their place",
        algorithm__zero_variance="drop",
    )


def _filter_part(reading: Reading, key: str) -> Judgement:
    if reading.get("algorithm.online_filtering") is not True:
        return inert(_FILTER)
    return adapted("a group is dropped when its rewards are alike, whatever their height")


RULES: dict[str, Rule] = {
    "algorithm.adv_estimator": _estimator,
    "algorithm.gamma": _discount,
    "algorithm.lam": _discount,
    "algorithm.disable_kl": _disable_kl,
    "algorithm.use_kl_loss": _use_kl_loss,
    "algorithm.kl_penalty": _kl_penalty,
    "algorithm.kl_coef": _unless_kl_off(number_to("algorithm.kl.coef")),
    "algorithm.kl_type": _unless_kl_off(_kl_type),
    "algorithm.kl_horizon": _if_adaptive("algorithm.kl.horizon"),
    "algorithm.kl_target": _if_adaptive("algorithm.kl.target"),
    "algorithm.enable_replay": _replay,
    "algorithm.online_filtering": _filtering,
    "algorithm.filter_key": _filter_part,
    "algorithm.filter_low": _filter_part,
    "algorithm.filter_high": _filter_part,
    "worker.actor.clip_ratio_low": number_to("algorithm.clip.low"),
    "worker.actor.clip_ratio_high": number_to("algorithm.clip.high"),
    "worker.actor.clip_ratio_dual": number_to("algorithm.clip.dual"),
    "worker.actor.ppo_epochs": whole_to("algorithm.epochs"),
    "worker.actor.global_batch_size": _minibatches,
    "worker.actor.micro_batch_size_per_device_for_update": _average,
    "worker.actor.micro_batch_size_per_device_for_experience": done_by_itself(
        "only how many log-probs are computed at once; it changes no result"
    ),
    "worker.actor.loss_avg_mode": _loss_average,
    "worker.actor.loss_type": _loss_kind,
    "worker.actor.tau_positive": done_by_itself("read by the loss `sapo` only, which is refused as a loss_type"),
    "worker.actor.tau_negative": done_by_itself("read by the loss `sapo` only, which is refused as a loss_type"),
    "trainer.critic_warmup": only(
        0, "there is no critic to warm up", "the actor would not learn for so many steps; use 0"
    ),
    "trainer.max_try_make_batch": _filter_part,
}
