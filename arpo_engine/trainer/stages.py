"""The stages of one training step, in the order in which the loop goes through them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from arpo_engine.algorithms.base import Collected, Prepared
from arpo_engine.contract.errors import NothingCollected
from arpo_engine.contract.events import PhaseChanged
from arpo_engine.inference.base import OwnProcesses
from arpo_engine.rollout.records import tokens_path, write_tokens
from arpo_engine.trainer import announce, metrics, resume
from arpo_engine.trainer.guard import Signs
from arpo_engine.trainer.parts import Parts
from arpo_engine.trainer.recovery import return_to_best
from arpo_engine.trainer.report import LearnReport
from arpo_engine.trainer.validation import validate

log = logging.getLogger(__name__)


async def collect(parts: Parts, step: int) -> list[Collected]:
    """The rollouts of a step; each is scored as it ends.

    Raises:
        NothingCollected: not one of them could be scored.
    """
    watch = announce.Collecting(parts.sink, step)
    collected = await parts.collector.collect(step, watch)
    fresh = metrics.fresh_of(collected)
    if not fresh:
        raise NothingCollected(
            f"none of the {watch.planned} rollouts of step {step} could be scored; the events name each fault. Mend "
            "the desktops (`python -m arpo_engine preflight`) and resume the run"
        )
    parts.order.note(metrics.counts_of(fresh))
    greedy = [group.baseline for group in collected if group.baseline is not None]
    parts.progress.env_steps += sum(len(trajectory.steps) for trajectory in [*fresh, *greedy])
    parts.progress.episodes += len(fresh)
    return collected


async def replay(parts: Parts, step: int, collected: Sequence[Collected]) -> Prepared:
    """Groups with advantages; those that failed as a whole may have got a remembered success."""
    penalty = parts.learner.reward_penalty
    if penalty is None:
        prepared = parts.algorithm.prepare(collected)
    else:
        # The reference policy is asked for every trajectory: long enough to keep events waiting, so in a thread.
        prepared = await asyncio.to_thread(parts.algorithm.prepare, collected, penalty)
    announce.groups_collected(parts.sink, step, prepared)
    return prepared


async def learn(parts: Parts, step: int, prepared: Prepared) -> LearnReport:
    """The update, in a thread: events flow and a signal is heard while the processor is busy."""
    announce.learning(parts.sink, step, prepared.groups)
    if isinstance(parts.generator, OwnProcesses) and parts.config.rollout.mode != "stream":
        await parts.generator.rest()
    return await asyncio.to_thread(parts.learner.learn, prepared.groups, step)


async def push(parts: Parts, step: int) -> None:
    """Let the generator sample with the weights of this step; one in processes of its own knows no adapter."""
    apart = isinstance(parts.generator, OwnProcesses)
    weights = await asyncio.to_thread(parts.policy.plain_weights) if apart else parts.policy.weights()
    await parts.generator.push_weights(step, weights)


def generator_values(parts: Parts) -> metrics.Values:
    """What a generator with processes of its own has to tell about this step."""
    return dict(parts.generator.take_values()) if isinstance(parts.generator, OwnProcesses) else {}


def guard(parts: Parts, counted: metrics.Tally, values: metrics.Values, report: LearnReport) -> None:
    """Let the guard look at the step; after a collapse the best weights are back when this returns.

    Raises:
        PolicyCollapsed: it happened too often.
    """
    signs = Signs(
        success=counted.success or 0.0,
        format=values["train/format"] or 0.0,
        entropy=report.entropy,
        finite=report.finite,
    )
    collapse = parts.guard.judge(signs)
    if collapse is not None:
        return_to_best(parts, collapse)


async def save(parts: Parts, collected: Sequence[Collected], *, last: bool) -> None:
    """The tokens of every step, and a checkpoint when one is due; the last step is saved at the end of the run."""
    step = parts.progress.step
    if parts.config.records.tokens:
        _keep_tokens(parts, collected)
    if step % parts.config.checkpoint.every_steps == 0 and not last:
        parts.sink.emit(PhaseChanged(phase="saving", step=step))
        await resume.save(parts, measured_success=parts.guard.success)


def _keep_tokens(parts: Parts, collected: Sequence[Collected]) -> None:
    """Records are worth less than the run: a disk that refuses them is told of, and the run goes on."""
    path = tokens_path(parts.run_dir, parts.progress.step)
    try:
        write_tokens(path, metrics.fresh_of(collected))
    except OSError as error:
        log.warning("the tokens of this step are not kept: %s: %s; make room on that disk", path, error.strerror)


async def validate_if_due(parts: Parts, *, last: bool) -> metrics.Values:
    """A measurement every so many steps; the last step is measured at the end of the run."""
    every, step = parts.config.validation.every_steps, parts.progress.step
    return await validate(parts, step) if every and step % every == 0 and not last else {}
