"""What the trainer's words do not say of a run: they are read back, and whatever comes out otherwise is named.

So no setting can be forgotten here: one that is new is reported until `writing.py` has a word for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from arpo_engine.contract.config.algorithm import ArpoConfig
from arpo_engine.contract.config.choices import choices_of
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.implied import SEEN_PIXELS
from arpo_engine.contract.config.verl.importing import Imported, import_verl
from arpo_engine.contract.config.verl.published import flat

_NOT_SETTINGS = ("story", "title", "schema_version")
"""Texts that no result depends on."""
_ABSENT = "(none)"
_REASONS: Mapping[str, str] = {
    "algorithm.estimator": "not there; grpo is written",
    "algorithm.mode": "there is only what paper mode does",
    "optimizer.decay": "there the rate is constant after the warm-up",
    "algorithm.minibatches": "an update there takes whole tasks, in equal parts",
    "algorithm.loss.aggregation": "there tokens are averaged by micro-batch",
    "algorithm.loss.kind": "not there; EasyR1 has it as worker.actor.loss_type",
    "kind": "there is no such command; trainer.val_only=true is the nearest",
    "guard.enabled": "there is no such guard",
    "optimizer.warmup": "there the first step of a warm-up has rate 0",
    "algorithm.zero_variance": "there such groups are always learnt from",
    "reward.format_weight": "it stands in the code there",
    "algorithm.advantage_eps": "it stands in the code there",
    "model.max_pixels": f"{SEEN_PIXELS} stands in the code there",
    "optimizer.eps": "it is AdamW's own there",
    "records.metric_names": "there numbers have the published names only",
    "desktops.kind": "there is only OSWorld",
    "generator.kind": "there is only vLLM",
}
"""By setting: why the trainer has no word for it. For any other there simply is no key."""


def read_back(command: str, tasks: int | None) -> Imported:
    """Import a command that was written here; its task list has as many tasks as were counted before."""
    listed = json.dumps([0] * tasks) if tasks is not None else None
    return import_verl(command, read_file=lambda name: listed if name.endswith(".json") else None)


def unsaid(config: RunConfig, again: Imported) -> tuple[str, ...]:
    """A line for each setting of `config` that is another one in `again`, the same run in the trainer's words."""
    refused = [f"{finding.written}={finding.value}: {finding.note}" for finding in again.refused]
    refused += [f"{field}: {sentence}" for field, sentence in again.problems]
    ours = flat(config.model_dump(mode="json"))
    theirs = flat(again.config.model_dump(mode="json") if again.config is not None else dict(again.tree))
    whole = again.config is not None
    paths = [path for path in ours if (whole or path in theirs) and ours[path] != theirs.get(path, _ABSENT)]
    return (*refused, *_told(config, again.config, paths, ours, theirs))


def _told(
    config: RunConfig, again: RunConfig | None, paths: Iterable[str], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> Iterator[str]:
    without_replay = not isinstance(config.algorithm, ArpoConfig) or not config.algorithm.replay.enabled
    if without_replay:
        yield "replay off: there it is always on"
    if config.model.max_pixels not in (None, SEEN_PIXELS):
        most = config.model.max_pixels
        yield f"model.max_pixels={most}: ARPO does not read its key, and has {SEEN_PIXELS} in its code"
    for path in paths:
        if path.split(".")[0] in _NOT_SETTINGS or (again is not None and _comes_to_the_same(path, config, again)):
            continue
        if without_replay and (path == "algorithm.kind" or path.startswith("algorithm.replay.")):
            continue
        reason = _REASONS.get(path, f"there is no key for it, so there it is {theirs.get(path, _ABSENT)}")
        yield f"{path}={ours[path]}: {reason}"


def _comes_to_the_same(path: str, config: RunConfig, again: RunConfig) -> bool:
    """Whether two forms of a setting mean one thing in these two runs."""
    means = next((_MEANS[prefix] for prefix in _MEANS if path.startswith(prefix)), None)
    return means is not None and means(config) == means(again)


def _warmup(config: RunConfig) -> int:
    ratio = config.optimizer.warmup_ratio
    return config.optimizer.warmup_steps if ratio is None else int(ratio * config.limits.steps)


def _first_rate(config: RunConfig) -> str:
    return config.optimizer.warmup if _warmup(config) else "none"


_MEANS: Mapping[str, Callable[[RunConfig], object]] = {
    "optimizer.warmup_steps": _warmup,
    "optimizer.warmup_ratio": _warmup,
    "optimizer.warmup": _first_rate,
    "optimizer.min_lr_ratio": lambda config: config.optimizer.decay == "constant" or config.optimizer.min_lr_ratio,
    "algorithm.kl.": lambda config: config.algorithm.kl.place == "off" or config.algorithm.kl,
    "algorithm.zero_variance": lambda config: choices_of(config.algorithm).zero_variance,
    "algorithm.old_logprobs": lambda config: choices_of(config.algorithm).old_logprobs,
    "algorithm.same_task_twice": lambda config: choices_of(config.algorithm).merges_same_task,
    "algorithm.replay.slot": lambda config: choices_of(config.algorithm).replaces_first,
    "algorithm.replay.old_logprobs": lambda config: choices_of(config.algorithm).replayed_old_logprobs,
    "validation.": lambda config: (
        (config.validation.every_steps, config.validation.only) == (0, False) or config.validation
    ),
    "records.metric_names": lambda config: not config.records.mirrors or config.records.metric_names,
    "guard.": lambda config: not config.guard.enabled or config.guard,
    # What is computed at once is memory against time, and decides nothing.
    "learner.tokens_per_pass": lambda config: None,
}
"""Settings that are not looked at, or have several forms: what they come to."""
