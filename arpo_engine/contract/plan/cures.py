"""Settings under which a run that does not fit would fit: tried one after the other on the plan itself, never guessed.

Those that change no result come first, then those that change how is learnt, then what. Knows no machine but a plan's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arpo_engine.contract.config.generators import HfGeneratorConfig
from arpo_engine.contract.config.loading import apply_overrides, parse_config
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.plan.memory import Moment, by_moment
from arpo_engine.contract.plan.planning import FRAMEWORK_GB, USABLE, Plan, plan_of
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import TaskCounts

NO_SEQUENCE_PARALLEL = (
    "its tokens are not spread over GPUs (no sequence parallelism here); what can make it fit is LoRA "
    "(model.lora.rank) and offload (learner.offload), activations that are computed again "
    "(learner.gradient_checkpointing), and fewer screenshots (agent.history_images)"
)
IN_A_PASS: tuple[Moment, ...] = ("seeing", "learning", "scoring")
RANK = 32
LOGITS_TOKENS = 512
RANKS = (2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to make it fit."""

    title: str
    settings: tuple[str, ...]
    """As they are written after a config on the command line."""
    plan: Plan


def ways_to_fit(
    config: RunConfig, plan: Plan, *, shape: ModelShape | None = None, tasks: TaskCounts | None = None
) -> tuple[Way, ...]:
    """Ways in which this run would fit the plan's machine; none where nothing that is known here helps."""
    if plan.fits:
        return ()
    found = []
    for title, lora in (("all weights learn", False), ("an adapter learns (LoRA)", True)):
        if lora is False and config.model.lora.rank:
            continue
        way = _way(config, plan, title, lora=lora, shape=shape, tasks=tasks)
        if way is not None:
            found.append(way)
    return tuple(found)


def too_long(config: RunConfig, plan: Plan, *, shape: ModelShape | None = None) -> str | None:
    """What is said of a trajectory that, learnt from alone, is too long for a GPU; None where it is not."""
    if plan.fits or not plan.machine.gpus:
        return None
    alone = plan_of(_changed(config, _one_trajectory(plan)), plan.machine, shape=shape, pace=plan.pace)
    moments = by_moment(alone.memory, "gpu")
    if max(moments[moment] for moment in IN_A_PASS) + FRAMEWORK_GB <= plan.machine.gpu_gb * USABLE:
        return None
    return f"a trajectory of {plan.work.trajectory_tokens:,} tokens is too long for one GPU: {NO_SEQUENCE_PARALLEL}"


def _changed(config: RunConfig, *settings: str) -> RunConfig:
    return parse_config(apply_overrides(config.model_dump(mode="json"), settings))


def _one_trajectory(plan: Plan) -> str:
    return f"learner.tokens_per_pass={plan.work.trajectory_tokens}"


def _way(
    config: RunConfig, plan: Plan, title: str, *, lora: bool, shape: ModelShape | None, tasks: TaskCounts | None
) -> Way | None:
    """Settings are added until it fits; then those are taken back without which it still does."""

    def planned(settings: list[str]) -> Plan | None:
        try:
            changed = _changed(config, *settings)
        except ConfigError:
            return None
        return plan_of(changed, plan.machine, shape=shape, tasks=tasks, pace=plan.pace)

    taken: list[str] = []
    best = plan
    for setting in _candidates(config, plan, lora=lora):
        tried = planned([*taken, setting])
        if tried is not None and _excess(tried) < _excess(best):
            taken, best = [*taken, setting], tried
        if best.fits:
            break
    if not best.fits:
        return None
    for setting in reversed(taken):
        fewer = [other for other in taken if other != setting]
        tried = planned(fewer)
        if tried is not None and tried.fits:
            taken, best = fewer, tried
    return Way(title=title, settings=tuple(taken), plan=best)


def _excess(plan: Plan) -> float:
    """GB that are too many, over all phases, so that a setting counts that helps in one of them only."""
    over = [plan.memory_excess]
    if plan.machine.gpus:
        over += [gb + FRAMEWORK_GB - plan.machine.gpu_gb * USABLE for gb in by_moment(plan.memory, "gpu").values()]
    return sum(max(0.0, gb) for gb in over)


def _candidates(config: RunConfig, plan: Plan, *, lora: bool) -> Iterator[str]:
    """Settings that need less, in the order in which a person would rather change them."""
    yield _one_trajectory(plan)
    yield "learner.gradient_checkpointing=true"
    yield f"learner.logits_tokens={LOGITS_TOKENS}"
    if plan.machine.gpus:
        yield "model.dtype=bfloat16"
        yield "optimizer.kind=adamw_bf16"
    if isinstance(config.generator, HfGeneratorConfig):
        yield from (f"generator.max_batch={size}" for size in (16, 4, 1) if size < config.generator.max_batch)
    yield "model.freeze_vision=true"
    if lora:
        yield f"model.lora.rank={RANK}"
    yield from (f"learner.ranks={ranks}" for ranks in RANKS if config.learner.ranks < ranks <= plan.machine.gpus)
    if plan.machine.gpus:
        yield "learner.offload=true"
    yield from (f"desktops.count={count}" for count in (16, 8, 4) if count < config.desktops.count)
    yield from (f"agent.history_images={images}" for images in (8, 4, 2) if images < plan.work.turns)
