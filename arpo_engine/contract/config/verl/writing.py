"""Back into the trainer's words: settings that were imported, with what has changed since, as a command line.

Knows which of our settings have a key there, and says which have none.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from arpo_engine.contract.config.algorithm import ArpoConfig
from arpo_engine.contract.config.parts import TasksConfig
from arpo_engine.contract.config.records import MIRRORS
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.importing import Imported
from arpo_engine.contract.config.verl.layers import Setting
from arpo_engine.contract.config.verl.published import BASE_CONFIG_NAME, PLACEHOLDER_TASKS, SPELLINGS

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
    "worker.actor.model.trust_remote_code": "model.trust_remote_code",
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

    def command(self) -> str:
        """The words as a command line for a shell, one setting a line."""
        lines = [f"    {key}={shlex.quote(_text(value))}" for key, value in self.words]
        return " \\\n".join([f"python3 -m verl.trainer.main \\\n    config={BASE_CONFIG_NAME}", *lines])

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
    for key, value in _derived(config, before).items():
        if key not in before or before[key].value != value:
            words[key] = value
    if imported is None or imported.tree.get("limits", {}).get("steps", config.limits.steps) != config.limits.steps:
        words["trainer.max_steps"] = config.limits.steps
    return Written(
        words=tuple((names.get(key, key), value) for key, value in words.items() if key != "config"),
        left_out=tuple(_without_words(config)),
    )


def _derived(config: RunConfig, before: Mapping[str, Setting]) -> dict[str, Any]:
    """What the keys must be for this config."""
    flat = _flat(config.model_dump(mode="json"))
    words: dict[str, Any] = {key: flat[path] for key, path in _SAME.items()}
    source, tasks = config.tasks.source.rstrip("/"), config.tasks
    words["data.train_files"] = f"{source}/{tasks.train}.json"
    words["data.val_files"] = f"{source}/{tasks.held_out or tasks.train}.json"
    words["data.max_prompt_length"] = config.algorithm.max_learnt_tokens or 64_000
    prompts, updates = config.rollout.tasks_per_step, config.algorithm.minibatches
    words["worker.actor.global_batch_size"] = max(1, prompts // updates)
    words["worker.actor.fsdp.torch_dtype"] = "bf16" if config.model.dtype == "bfloat16" else None
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
    if config.algorithm.loss.kind != "ppo" or "worker.actor.loss_type" in before:
        words["worker.actor.loss_type"] = {"ppo": "default"}.get(config.algorithm.loss.kind, config.algorithm.loss.kind)
    if not before and config.algorithm.loss.aggregation == "seq_mean":
        words["worker.actor.micro_batch_size_per_device_for_update"] = 1
    return _as_before(words, before)


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
    return round(config.optimizer.warmup_steps / config.limits.steps, 6)


def _without_words(config: RunConfig) -> list[str]:
    found = []
    if config.algorithm.estimator not in _ESTIMATORS:
        found.append(f"algorithm.estimator={config.algorithm.estimator}: not there; grpo is written")
    if not isinstance(config.algorithm, ArpoConfig) or not config.algorithm.replay.enabled:
        found.append("replay off: there it is always on")
    if config.algorithm.mode != "paper":
        found.append("algorithm.mode=corrected: there is only what paper mode does")
    if config.optimizer.decay != "constant":
        found.append(f"optimizer.decay={config.optimizer.decay}: there the rate is constant after the warm-up")
    if config.rollout.tasks_per_step % config.algorithm.minibatches:
        found.append(
            f"algorithm.minibatches={config.algorithm.minibatches}: an update there takes whole tasks, of which "
            f"{config.rollout.tasks_per_step} cannot be split so"
        )
    if config.algorithm.loss.aggregation == "constant":
        found.append("algorithm.loss.aggregation=constant: tokens are averaged there")
    if config.kind == "evaluate":
        found.append("kind=evaluate: there is no such command; trainer.val_only=true is the nearest")
    if config.records.mirrors and config.records.metric_names != "arpo":
        found.append(f"records.metric_names={config.records.metric_names}: there numbers have the published names only")
    if config.guard.enabled:
        found.append("guard.enabled=true: there is no such guard")
    return found


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found.update(_flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value})
    return found


def _text(value: Any) -> str:
    """A value as OmegaConf reads it from a command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(_text(part) for part in value)}]"
    return str(value)
