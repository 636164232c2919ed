"""What the keys below `worker.` become: the model, its optimizer, how it is spread over GPUs, sampling, the reward.

Sources: the published code's `workers/` (revision 7489ae3), and EasyR1's additions (revision b44b311).
"""

from __future__ import annotations

from typing import Any

from arpo_engine.contract.config.verl.rules_ranks import RULES as RANK_RULES
from arpo_engine.contract.config.verl.rules_sampler import RULES as SAMPLER_RULES
from arpo_engine.contract.config.verl.verdicts import (
    Judgement,
    Reading,
    Refusal,
    Rule,
    adapted,
    done_by_itself,
    inert,
    mapped,
    never_read,
    number_to,
    only,
    truth_to,
    whole_to,
)
from arpo_engine.contract.plan.known_models import says_thousandths

_ONE_LEARNER = "how ranks share the weights is decided by the learner here, and changes no result"
_NO_CRITIC = "only the estimator gae has a critic"
_NUMBERS = "there are no mixed numbers here: everything is computed in model.dtype, so the last digits differ"
_NO_LORA = "LoRA is off (rank 0)"
_LORA_ALPHA = 64.0
"""What EasyR1 takes where a script names a rank alone."""
_VISION_LAYERS = ".*visual.*"
_DTYPES = {"bf16": "bfloat16", "bfloat16": "bfloat16", "fp32": "float32", "float32": "float32"}


def _model(reading: Reading, key: str) -> Judgement:
    path = reading.get(key)
    if not isinstance(path, str) or not path:
        raise Refusal("no model is named; give a folder or a hub name")
    if says_thousandths(path):
        note = "UI-TARS 1.0 says thousandths of the screen; the published code always reads pixels, as 1.5 says them"
        return mapped(note, model__path=path, agent__version="1.0")
    return mapped(model__path=path, agent__version="1.5")


def _tokenizer(reading: Reading, key: str) -> Judgement:
    path = reading.get(key)
    if path not in (None, reading.get("worker.actor.model.model_path")):
        raise Refusal(f"the tokenizer {path} lies apart from the model; copy its files into the model's folder")
    return mapped("the tokenizer is the model's own")


def _remote_code(reading: Reading, key: str) -> Judgement:
    if reading.settings[key].origin == "default":
        return adapted("true there unless it is written; here a model's own code runs only if somebody writes it")
    return mapped(model__trust_remote_code=reading.truth(key))


def _betas(reading: Reading, key: str) -> Judgement:
    value = reading.get(key)
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(part, float | int) for part in value)):
        raise Refusal(f"{value!r} is not a pair of numbers; write [0.9, 0.999]")
    return mapped(optimizer__beta1=float(value[0]), optimizer__beta2=float(value[1]))


def _optimizer(reading: Reading, key: str) -> Judgement:
    kind = reading.one_of(key, {"adamw": "adamw", "adamw_bf16": "adamw_bf16"})
    return mapped(optimizer__kind=kind, optimizer__eps=1e-8)


def _warmup_ratio(reading: Reading, key: str) -> Judgement:
    if reading.get("worker.actor.optim.lr_warmup_steps") is not None:
        return inert("lr_warmup_steps is given and wins")
    ratio = reading.number(key)
    return mapped(
        "a share of all steps, rounded down; the first step has rate 0, as there" if ratio else "",
        optimizer__warmup_ratio=ratio or None,
        optimizer__warmup_steps=0,
    )


def _warmup_steps(reading: Reading, key: str) -> Judgement:
    if reading.get(key) is None:
        return inert("empty; lr_warmup_ratio decides")
    return mapped(optimizer__warmup_steps=reading.whole(key, 0), optimizer__warmup_ratio=None)


def _schedule(reading: Reading, key: str) -> Judgement:
    return mapped(optimizer__decay=reading.one_of(key, {"constant": "constant", "cosine": "cosine"}))


def _lowest_rate(reading: Reading, key: str) -> Judgement:
    if reading.get("worker.actor.optim.lr_scheduler_type") != "cosine":
        return inert("never read there: after the warm-up the rate is constant")
    return mapped(optimizer__min_lr_ratio=reading.number(key) if reading.get(key) is not None else 0.0)


def _dtype(reading: Reading, key: str) -> Judgement:
    if reading.get(key) is None:
        return mapped("empty means float32 there", model__dtype="float32")
    return mapped(model__dtype=reading.one_of(key, _DTYPES))


def _rank(reading: Reading, key: str) -> Judgement:
    rank = reading.whole(key, 0)
    if not rank:
        return adapted("all weights are trained")
    return mapped(model__lora__rank=rank, model__lora__alpha=_LORA_ALPHA, model__lora__targets=["all-linear"])


def _lora_alpha(reading: Reading, key: str) -> Judgement:
    if not _lora(reading):
        return adapted(_NO_LORA)
    return mapped(model__lora__alpha=reading.number(key))


def _lora_targets(reading: Reading, key: str) -> Judgement:
    if not _lora(reading):
        return adapted(_NO_LORA)
    names = [name.strip() for name in str(reading.get(key)).split(",") if name.strip()]
    return mapped(model__lora__targets=names)


def _lora_excluded(reading: Reading, key: str) -> Judgement:
    if not _lora(reading):
        return adapted(_NO_LORA)
    if reading.get(key) is None:
        return mapped("no layer is left out")
    if reading.get(key) != _VISION_LAYERS:
        raise Refusal(f"only the vision tower can be left out; use {_VISION_LAYERS}, or name the layers to train")
    return mapped("the vision tower is left out", model__freeze_vision=True)


def _frozen_tower(reading: Reading, key: str) -> Judgement:
    if _lora(reading) and reading.get("worker.actor.model.lora.exclude_modules") == _VISION_LAYERS:
        return adapted("lora.exclude_modules leaves the vision tower out")
    return mapped(model__freeze_vision=reading.truth(key))


def _lora(reading: Reading) -> bool:
    return "worker.actor.model.lora.rank" in reading.settings and reading.whole("worker.actor.model.lora.rank", 0) > 0


def _group_size(reading: Reading, key: str) -> Judgement:
    if reading.whole(key) < 2:
        raise Refusal("rewards are compared with siblings, so a task needs 2 rollouts or more; use 8")
    return mapped(rollout__group_size=reading.whole(key))


def _images(reading: Reading, key: str) -> Judgement:
    limit, steps = reading.whole(key, 0), reading.whole("env.max_steps")
    if limit == 0:
        return adapted(
            f"0 leaves it to vLLM; here an episode keeps all its {steps} screenshots", agent__max_images=steps
        )
    if limit < steps:
        note = f"{limit} there, where the episode then fails; an episode of {steps} steps shows {steps} screenshots"
        return adapted(note, agent__max_images=steps)
    return mapped(agent__max_images=limit)


def _fsdp(role: str) -> dict[str, Rule]:
    reason = never_read(_NO_CRITIC) if role == "critic" else done_by_itself(_ONE_LEARNER)
    numbers = never_read(_NO_CRITIC) if role == "critic" else done_by_itself(_NUMBERS)
    names = ("enable_full_shard", "enable_cpu_offload", "enable_rank0_init", "fsdp_size")
    rules: dict[str, Rule] = {f"worker.{role}.fsdp.{name}": reason for name in names}
    for name in ("torch_dtype", "mp_param_dtype", "mp_reduce_dtype", "mp_buffer_dtype"):
        rules[f"worker.{role}.fsdp.{name}"] = numbers
    rules[f"worker.{role}.fsdp.use_orig_params"] = never_read("set by the code itself, when the vision tower is frozen")
    for name in ("offload_params", "offload_optimizer"):
        rules[f"worker.{role}.offload.{name}"] = reason
    rules[f"worker.{role}.strategy"] = reason
    return rules


def _critic() -> dict[str, Rule]:
    rule = never_read(_NO_CRITIC)
    names = (
        "global_batch_size", "micro_batch_size_per_device_for_update", "micro_batch_size_per_device_for_experience",
        "max_grad_norm", "ppo_epochs", "padding_free", "ulysses_sequence_parallel_size", "cliprange_value",
        "loss_avg_mode", "dynamic_batching", "model.model_path", "model.tokenizer_path", "model.trust_remote_code",
        "model.enable_gradient_checkpointing", "model.freeze_vision_tower", "optim.lr", "optim.betas",
        "optim.weight_decay", "optim.strategy", "optim.lr_warmup_ratio", "optim.lr_warmup_steps", "optim.min_lr_ratio",
        "optim.warmup_style", "optim.lr_scheduler_type",
    )  # fmt: skip
    return {f"worker.critic.{name}": rule for name in names}


def _reference_offload(reading: Reading, key: str) -> Judgement:
    if reading.get("algorithm.disable_kl") is True:
        return inert("disable_kl is on, so there is no reference model")
    away = reading.get("worker.ref.offload.offload_params") is True
    away = away or reading.get("worker.ref.fsdp.enable_cpu_offload") is True
    return mapped("the reference waits in the computer's memory" if away else "", algorithm__kl__offload=away)


_ACTOR: dict[str, Rule] = {
    "hybrid_engine": only(True, "sampling and learning share the machine", "the original refuses it as well; use true"),
    "actor.max_grad_norm": number_to("optimizer.max_grad_norm"),
    "actor.padding_free": truth_to("learner.padding_free"),
    "actor.dynamic_batching": done_by_itself("always done: trajectories share passes of at most so many tokens"),
    "actor.use_torch_compile": done_by_itself("only speed; it changes no result"),
    "actor.ulysses_sequence_parallel_size": only(
        1,
        "a trajectory stays on one device",
        "the tokens of a trajectory are not spread over devices (no sequence parallelism); use 1, and where a long one "
        "does not fit, LoRA (worker.actor.model.lora.rank=32) or offload (learner.offload=true); ./arpo plan says what "
        "fits",
    ),
    "actor.model.model_path": _model,
    "actor.model.tokenizer_path": _tokenizer,
    "actor.model.enable_gradient_checkpointing": truth_to("learner.gradient_checkpointing"),
    "actor.model.trust_remote_code": _remote_code,
    "actor.model.freeze_vision_tower": _frozen_tower,
    "actor.model.lora.rank": _rank,
    "actor.model.lora.alpha": _lora_alpha,
    "actor.model.lora.target_modules": _lora_targets,
    "actor.model.lora.exclude_modules": _lora_excluded,
    "actor.optim.lr": number_to("optimizer.lr"),
    "actor.optim.betas": _betas,
    "actor.optim.weight_decay": number_to("optimizer.weight_decay"),
    "actor.optim.strategy": _optimizer,
    "actor.optim.lr_warmup_ratio": _warmup_ratio,
    "actor.optim.lr_warmup_steps": _warmup_steps,
    "actor.optim.min_lr_ratio": _lowest_rate,
    "actor.optim.warmup_style": never_read("never read: after the warm-up the rate is constant"),
    "actor.optim.lr_scheduler_type": _schedule,
    "rollout.n": _group_size,
    "rollout.temperature": number_to("rollout.temperature"),
    "rollout.top_p": number_to("rollout.top_p"),
    "rollout.top_k": only(-1, "no limit, as here", "sampling from the k likeliest tokens is not built yet; use -1"),
    "rollout.seed": done_by_itself("sampling is seeded by the run's seed"),
    "rollout.limit_images": _images,
    "rollout.ignore_eos": only(False, "a reply ends where the model ends it", "replies would not end; use false"),
    "rollout.max_model_len": done_by_itself("the model's own context counts; an episode beyond ends as context_full"),
    "rollout.dtype": done_by_itself("replies are sampled with the policy's own weights, in model.dtype"),
    "rollout.max_num_seqs": never_read("never handed to vLLM"),
    "rollout.val_override_config.temperature": number_to("validation.temperature"),
    "rollout.val_override_config.top_p": number_to("validation.top_p"),
    "rollout.val_override_config.n": whole_to("validation.attempts"),
    "reward.reward_type": never_read("tasks have evaluators of their own; this manager is made and never called"),
    "reward.score_function": never_read("tasks have evaluators of their own; this manager is made and never called"),
    "reward.skip_special_tokens": never_read("read by a reward manager that is made and never called"),
    "reward.reward_function": only(
        None, "the reward is the task's own evaluator", "the reward is the task's own evaluator here; leave it out"
    ),
    "reward.num_cpus": done_by_itself("no reward function is run here"),
}  # fmt: skip

RULES: dict[str, Rule] = {
    **_fsdp("actor"),
    **_fsdp("critic"),
    **_fsdp("ref"),
    **_critic(),
    **{f"worker.{name}": rule for name, rule in _ACTOR.items()},
    **RANK_RULES,
    **SAMPLER_RULES,
    "worker.actor.fsdp.torch_dtype": _dtype,
    "worker.ref.offload.offload_params": _reference_offload,
    "worker.ref.fsdp.enable_cpu_offload": _reference_offload,
}


def free_form(key: str) -> str | None:
    """Why a key of an open mapping is refused; None for any other key."""
    places: dict[str, Any] = {
        "worker.actor.model.override_config.": "the model's config is not overridden; change config.json in its folder",
        "worker.critic.model.override_config.": "there is no critic; leave it out",
        "worker.rollout.val_override_config.": "this cannot be set for validation alone; leave it out",
        "worker.reward.reward_function_kwargs.": "the reward is the task's own evaluator; leave it out",
    }
    return next((str(reason) for place, reason in places.items() if key.startswith(place)), None)
