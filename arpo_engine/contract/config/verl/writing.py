"""Back into the trainer's words: settings that were imported, with what has changed since, as a command line.

Knows which of our settings have a key there; `unsaid.py` says which have none.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from arpo_engine.contract.config.choices import choices_of
from arpo_engine.contract.config.parts import TasksConfig
from arpo_engine.contract.config.records import MIRRORS
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.implied import SEEN_PIXELS
from arpo_engine.contract.config.verl.importing import Imported
from arpo_engine.contract.config.verl.layers import Setting
from arpo_engine.contract.config.verl.published import BASE_CONFIG, BASE_CONFIG_NAME, PLACEHOLDER_TASKS, SPELLINGS, flat
from arpo_engine.contract.config.verl.rules_ranks import rank_words
from arpo_engine.contract.config.verl.rules_sampler import sampler_words
from arpo_engine.contract.config.verl.unsaid import read_back, unsaid

Spelling = Literal["arpo", "easyr1"]
_ESTIMATORS = {"grpo": "grpo", "rloo": "rloo", "remax": "remax", "reinforce_pp": "reinforce_plus_plus"}
_KL = {"kl": "kl", "abs": "abs", "mse": "mse", "low_var": "low_var_kl"}
_SAME: dict[str, str] = {
    "worker.actor.max_grad_norm": "optimizer.max_grad_norm",
    "worker.actor.clip_ratio_low": "algorithm.clip.low",
    "worker.actor.clip_ratio_high": "algorithm.clip.high",
    "worker.actor.clip_ratio_dual": "algorithm.clip.dual",
    "worker.actor.ppo_epochs": "algorithm.epochs",
    "worker.actor.model.model_path": "model.path",
    "worker.actor.padding_free": "learner.padding_free",
    "worker.actor.model.enable_gradient_checkpointing": "learner.gradient_checkpointing",
    "worker.actor.model.trust_remote_code": "model.trust_remote_code",
    "worker.actor.model.freeze_vision_tower": "model.freeze_vision",
    "worker.actor.optim.lr": "optimizer.lr",
    "worker.actor.optim.weight_decay": "optimizer.weight_decay",
    "worker.actor.optim.strategy": "optimizer.kind",
    "worker.rollout.n": "rollout.group_size",
    "worker.rollout.temperature": "rollout.temperature",
    "worker.rollout.top_p": "rollout.top_p",
    "worker.rollout.limit_images": "agent.max_images",
    "worker.rollout.val_override_config.temperature": "validation.temperature",
    "worker.rollout.val_override_config.n": "validation.attempts",
    "trainer.val_only": "validation.only",
    "trainer.val_generations_to_log": "validation.compare",
    "data.rollout_batch_size": "rollout.tasks_per_step",
    "data.max_response_length": "generator.max_new_tokens",
    "data.seed": "seed",
    "env.num_envs": "desktops.count",
    "env.max_steps": "rollout.max_steps",
    "trainer.project_name": "records.project",
    "trainer.logger": "records.mirrors",
    "trainer.save_freq": "checkpoint.every_steps",
    "trainer.save_limit": "checkpoint.keep",
}
"""Keys that have the same value under another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A run in the trainer's words."""

    words: tuple[tuple[str, Any], ...]
    """(key, value), in the order of the published config."""
    left_out: tuple[str, ...]
    """What the trainer has no words for."""
    base: str | None = BASE_CONFIG_NAME
    """The config file that the command stands on; none where its settings stand alone."""

    def command(self) -> str:
        """The words as a command line for a shell, one setting a line."""
        lines = [f"    {key}={shlex.quote(_text(value))}" for key, value in self.words]
        stands_on = [f"    config={shlex.quote(self.base)}"] if self.base is not None else []
        return " \\\n".join(["python3 -m verl.trainer.main", *stands_on, *lines])

    def yaml(self) -> str:
        """The words as a config file."""
        tree: dict[str, Any] = {}
        for key, value in self.words:
            *parents, leaf = key.split(".")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = value
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def write_verl(config: RunConfig, *, imported: Imported | None = None, spelling: Spelling = "arpo") -> Written:
    """Say a run in the trainer's words.

    `imported` is what the run began as: a key whose meaning has not changed keeps its own value, and what is inert or
    of no account here is kept as it was.
    """
    before = imported.reading.settings if imported is not None else {}
    names = {published: later for later, published in SPELLINGS.items()} if spelling == "easyr1" else {}
    words = {key: setting.value for key, setting in before.items() if setting.origin != "default"}
    for key, value in _derived(config, before, spelling).items():
        if key not in before or before[key].value != value:
            words[key] = value
    if imported is None or imported.tree.get("limits", {}).get("steps", config.limits.steps) != config.limits.steps:
        words["trainer.max_steps"] = config.limits.steps
    said = tuple((names.get(key, key), value) for key, value in words.items() if key != "config")
    file = before.get("config")
    known = file is None or file.origin == "base"
    # A file of somebody's own is in the words already; only the published one has to be looked up.
    base = BASE_CONFIG_NAME if imported is None or (file is not None and known) else None
    again = read_back(
        Written(words=said, left_out=(), base=base).command(), imported.reading.tasks if imported else None
    )
    base = base if file is None else str(file.value)
    return Written(words=said, left_out=unsaid(config, again), base=base)


def _derived(config: RunConfig, before: Mapping[str, Setting], spelling: Spelling) -> dict[str, Any]:
    """What the keys must be for this config."""
    ours = flat(config.model_dump(mode="json"))
    words: dict[str, Any] = {key: ours[path] for key, path in _SAME.items()}
    source, tasks = config.tasks.source.rstrip("/"), config.tasks
    words["data.train_files"] = f"{source}/{tasks.train}.json"
    words["data.val_files"] = f"{source}/{tasks.held_out or tasks.train}.json"
    if config.model.max_pixels is not None:
        words["data.max_pixels"] = config.model.max_pixels
    words["data.max_prompt_length"] = config.algorithm.max_learnt_tokens or 64_000
    prompts, updates = config.rollout.tasks_per_step, config.algorithm.minibatches
    parts = (count for count in range(max(1, prompts // updates), 0, -1) if prompts % count == 0)
    words["worker.actor.global_batch_size"] = next(parts)
    words["worker.actor.fsdp.torch_dtype"] = "bf16" if config.model.dtype == "bfloat16" else None
    words |= rank_words(config, before) | sampler_words(config)
    words["worker.actor.optim.betas"] = [config.optimizer.beta1, config.optimizer.beta2]
    words["worker.actor.optim.lr_warmup_ratio"] = _warmup_ratio(config)
    words["algorithm.adv_estimator"] = _ESTIMATORS.get(config.algorithm.estimator, "grpo")
    words["trainer.val_freq"] = config.validation.every_steps or -1
    if config.validation.every_steps:
        words["trainer.val_before_train"] = config.validation.before_training
    if config.validation.top_p != 1.0 or "worker.rollout.val_override_config.top_p" in before:
        words["worker.rollout.val_override_config.top_p"] = config.validation.top_p
    words["trainer.experiment_name"] = config.records.run_name or config.title
    words.update(_kl(config))
    micro_batch = "worker.actor.micro_batch_size_per_device_for_update"
    if config.algorithm.loss.aggregation == "seq_mean" and "worker.actor.loss_avg_mode" not in before:
        words[micro_batch] = 1
    words |= _later(config, before, spelling)
    return _as_before(words, before)


def _later(config: RunConfig, before: Mapping[str, Setting], spelling: Spelling) -> dict[str, Any]:
    """Keys that EasyR1 has and ARPO has not: written in its spelling, or where somebody had written them."""
    size = before.get("worker.actor.micro_batch_size_per_device_for_update")
    by_sequence = (size.value if size is not None else None) == 1 or not before
    optimizer, loss, lora = config.optimizer, config.algorithm.loss, config.model.lora
    adapts = lora.rank > 0
    said: dict[str, tuple[Any, bool]] = {
        "worker.actor.loss_avg_mode": (
            {"token_mean": "token", "seq_mean": "seq"}.get(loss.aggregation),
            by_sequence and loss.aggregation == "token_mean",
        ),
        "worker.actor.loss_type": ("default" if loss.kind == "ppo" else loss.kind, loss.kind != "ppo"),
        "worker.actor.optim.lr_scheduler_type": (
            optimizer.decay if optimizer.decay != "linear" else None,
            optimizer.decay == "cosine",
        ),
        "worker.actor.optim.lr_warmup_steps": (
            optimizer.warmup_steps if optimizer.warmup_ratio is None else None,
            optimizer.warmup_steps > 0,
        ),
        "worker.actor.model.lora.rank": (lora.rank, adapts),
        "worker.actor.model.lora.alpha": (lora.alpha, adapts),
        "worker.actor.model.lora.target_modules": (",".join(lora.targets), adapts),
        "algorithm.online_filtering": (choices_of(config.algorithm).zero_variance == "drop",) * 2,
    }
    words = {
        key: value
        for key, (value, needed) in said.items()
        if value is not None and (key in before or (needed and spelling == "easyr1"))
    }
    if words.get("worker.actor.optim.lr_scheduler_type") == "cosine":
        words["worker.actor.optim.min_lr_ratio"] = optimizer.min_lr_ratio
    return words


def _kl(config: RunConfig) -> dict[str, Any]:
    kl = config.algorithm.kl
    if kl.place == "off":
        return {"algorithm.disable_kl": True}
    words: dict[str, Any] = {
        "algorithm.disable_kl": False,
        "algorithm.use_kl_loss": kl.place == "loss",
        "algorithm.kl_penalty": _KL[kl.estimator],
        "algorithm.kl_coef": kl.coef,
        "algorithm.kl_type": kl.control,
    }
    if kl.control == "adaptive":
        words |= {"algorithm.kl_target": kl.target, "algorithm.kl_horizon": kl.horizon}
    return words


def _as_before(words: dict[str, Any], before: Mapping[str, Setting]) -> dict[str, Any]:
    """Values that say the same in another form stay as somebody wrote them."""
    same: dict[str, dict[Any, Any]] = {
        "worker.actor.fsdp.torch_dtype": {
            "bf16": "bfloat16",
            "bfloat16": "bfloat16",
            None: "float32",
            "fp32": "float32",
        },
        "trainer.val_freq": {0: -1, -1: -1},
        "data.max_pixels": {BASE_CONFIG["data.max_pixels"]: SEEN_PIXELS},
        "worker.actor.fsdp.mp_param_dtype": {"bf16": "bfloat16", "fp32": "float32"},
        "trainer.save_limit": {-1: 100, 0: 100},
        "worker.rollout.limit_images": {0: words["env.max_steps"]},
    }
    kept = dict(words)
    for key in ("data.train_files", "data.val_files"):
        known = before.get(key)
        if known is not None and known.value in PLACEHOLDER_TASKS and TasksConfig().source in str(words[key]):
            kept[key] = known.value
    loggers = before.get("trainer.logger")
    if loggers is not None and words["trainer.logger"] == [name for name in _listed(loggers.value) if name in MIRRORS]:
        kept["trainer.logger"] = loggers.value
    for key, value in words.items():
        known = before.get(key)
        if known is None or not isinstance(known.value, str | int | float | None):
            continue
        forms = same.get(key, {})
        if forms.get(known.value, known.value) == forms.get(value, value):
            kept[key] = known.value
    return kept


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _warmup_ratio(config: RunConfig) -> float:
    if config.optimizer.warmup_ratio is not None:
        return config.optimizer.warmup_ratio
    # Rounded up: the trainer rounds the steps down that come of it.
    return math.ceil(config.optimizer.warmup_steps / config.limits.steps * 1e6) / 1e6


def _text(value: Any) -> str:
    """A value as OmegaConf reads it from a command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(_text(part) for part in value)}]"
    return str(value)
