"""Puts a run's parts together from its config: the registries of kinds, and the order in which things start and end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arpo_engine.agents.base import Agent
from arpo_engine.agents.qwen_vl import QwenVlAgent
from arpo_engine.agents.ui_tars import UiTarsAgent
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.containers import pauses_while_thinking
from arpo_engine.contract.config.generators import (
    HfGeneratorConfig,
    OpenAiGeneratorConfig,
    OracleGeneratorConfig,
    VllmGeneratorConfig,
)
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.events import LogWritten, PhaseChanged
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.resize import PixelLimits
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import DesktopHost
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.tides import Bounds
from arpo_engine.desktops.watch import PoolWatch
from arpo_engine.evaluation.evaluator import Evaluator
from arpo_engine.inference.base import Generator
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.inference.openai import OpenAiGenerator
from arpo_engine.models.policy import Policy
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.guide import Guide
from arpo_engine.rollout.pace import Lockstep
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.prompts import History
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.runtime.agent_fit import mismatch
from arpo_engine.runtime.coming import tell_coming
from arpo_engine.runtime.devices import own_device
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.oracle import OracleGenerator, read_oracles
from arpo_engine.runtime.task_source import find_source, load_tasks
from arpo_engine.runtime.vllm_engines import open_vllm

RESULTS = "results"
CHECKPOINTS = "checkpoints"

AGENTS: Mapping[str, Callable[[Any, PixelLimits], Agent]] = {
    "ui_tars": UiTarsAgent,
    "qwen_vl": QwenVlAgent,
}


def _same_agent(agent: Agent) -> Agent:
    return agent


def _same_host(host: DesktopHost) -> DesktopHost:
    return host


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampler:
    """What answers the agents: a generator, the image sizes that its model sees, and the weights if they are here."""

    generator: Generator
    limits: PixelLimits
    policy: Policy | None


def _load_policy(config: RunConfig, sink: EventSink, *, samples: bool) -> Policy:
    """The model of the config, of which only what the config says will learn, whoever samples from it. It is on a GPU,
    if there is one, unless neither learning nor sampling is done by this process."""
    sink.emit(PhaseChanged(phase="preparing", detail=f"loading the model {config.model.path}"))
    model = config.model
    policy = Policy.load(model.path, model.dtype, model.trust_remote_code, model.max_pixels)
    if config.kind == "train":
        policy.train_only(config.model, config.seed)
    if samples or not config.learner.spread:
        policy.move_to(own_device(config.learner))
    unfit = mismatch(config.agent, policy.family)
    if unfit is not None:
        sink.emit(LogWritten(level="warning", logger=__name__, message="; ".join(unfit)))
    return policy


async def _local(config: RunConfig, generator: HfGeneratorConfig, sink: EventSink) -> Sampler:
    policy = _load_policy(config, sink, samples=True)
    # A stream samples while the learner works: from weights of its own, which change only when they are pushed.
    streams = config.kind == "train" and config.rollout.mode == "stream"
    sampled = policy.twin() if streams else policy
    return Sampler(generator=HfGenerator(sampled, generator), limits=policy.chat.patches.limits, policy=policy)


async def _served(config: RunConfig, generator: OpenAiGeneratorConfig, sink: EventSink) -> Sampler:
    sink.emit(PhaseChanged(phase="preparing", detail=f"asking {', '.join(generator.base_urls)} for {generator.model}"))
    served = OpenAiGenerator(generator)
    await served.check()
    limits = PixelLimits(min_pixels=generator.min_pixels, max_pixels=generator.max_pixels)
    return Sampler(generator=served, limits=limits, policy=None)


async def _scripted(config: RunConfig, generator: OracleGeneratorConfig, sink: EventSink) -> Sampler:
    sink.emit(PhaseChanged(phase="preparing", detail="reading the oracles of the tasks"))
    train, held_out = load_tasks(config)
    assert isinstance(config.agent, UiTarsAgentConfig), "the config refuses any other"
    limits = PixelLimits()
    known = {} if generator.file is None else read_oracles(find_source(generator.file))
    tasks = [*train, *held_out]
    oracle = OracleGenerator(tasks, UiTarsAgent(config.agent, limits), act=generator.act, known=known)
    return Sampler(generator=oracle, limits=limits, policy=None)


async def _beside(config: RunConfig, generator: VllmGeneratorConfig, sink: EventSink) -> Sampler:
    policy = _load_policy(config, sink, samples=False)
    detail = f"starting {generator.replicas} engines of vLLM; this takes half a minute or more"
    sink.emit(PhaseChanged(phase="preparing", detail=detail))
    engines, said = await open_vllm(config, generator, policy)
    sink.emit(PhaseChanged(phase="preparing", detail=said))
    return Sampler(generator=engines, limits=policy.chat.patches.limits, policy=policy)


GENERATORS: Mapping[str, Callable[[RunConfig, Any, EventSink], Awaitable[Sampler]]] = {
    "hf": _local,
    "openai": _served,
    "oracle": _scripted,
    "vllm": _beside,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrappers:
    """What an experiment puts between a policy and the world, such as a blindfold. By default nothing."""

    agent: Callable[[Agent], Agent] = _same_agent
    host: Callable[[DesktopHost], DesktopHost] = _same_host


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that training and evaluating share."""

    config: RunConfig
    run_dir: Path
    train_tasks: tuple[Task, ...]
    held_out_tasks: tuple[Task, ...]
    policy: Policy | None
    """None where a server samples with weights of its own."""
    generator: Generator
    pool: DesktopPool
    agent: Agent
    scheduler: Scheduler
    planner: Planner
    evaluator: Evaluator
    sink: EventSink

    def guided_runner(self, guide: Guide) -> EpisodeRunner:
        """What runs episodes that somebody else has a say in."""
        return _build_runner(self.config, self.sink, self.policy, self.pool, self.generator, self.agent, guide)


@asynccontextmanager
async def open_context(
    config: RunConfig,
    *,
    run_dir: Path,
    attempt: int,
    sink: EventSink,
    executor: Executor,
    wrappers: Wrappers | None = None,
) -> AsyncIterator[Context]:
    """Load tasks and model, start desktops; at the end everything that was started is ended."""
    wrappers = wrappers or Wrappers()
    train, held_out = load_tasks(config)
    sampler = await GENERATORS[config.generator.kind](config, config.generator, sink)
    policy, generator = sampler.policy, sampler.generator
    sink.emit(PhaseChanged(phase="preparing", detail=f"starting {config.desktops.least} desktops"))
    tell_coming(config, sink)
    pool: DesktopPool | None = None
    try:
        pool = await _open_pool(config, sink, executor, wrappers)
        agent = wrappers.agent(AGENTS[config.agent.kind](config.agent, sampler.limits))
        runner = _build_runner(config, sink, policy, pool, generator, agent)
        scheduler = Scheduler(runner, retries=config.rollout.retries)
        planner = Planner(
            run_seed=config.seed,
            attempt=attempt,
            max_steps=config.rollout.max_steps,
            sample_every=config.frames.sample_every,
        )
        async with PoolWatch(pool, sink, every_s=config.records.desktops_every_s):
            yield Context(
                config=config,
                run_dir=run_dir,
                train_tasks=train,
                held_out_tasks=held_out,
                policy=policy,
                generator=generator,
                pool=pool,
                agent=agent,
                scheduler=scheduler,
                planner=planner,
                evaluator=Evaluator(scheduler, planner, sink, run_dir / RESULTS),
                sink=sink,
            )
    finally:
        if pool is not None:
            await pool.close()
        await executor.close()
        await generator.close()


async def _open_pool(config: RunConfig, sink: EventSink, executor: Executor, wrappers: Wrappers) -> DesktopPool:
    return DesktopPool(
        [wrappers.host(host) for host in await executor.start_desktops(config.desktops)],
        reset_timeout_s=config.desktops.reset_timeout_s,
        step_timeout_s=config.desktops.step_timeout_s,
        restarts=config.desktops.restarts,
        sink=sink,
        bounds=Bounds(least=config.desktops.least, idle_s=config.desktops.idle_s),
        wakes=pauses_while_thinking(config.desktops),
    )


def _build_runner(
    config: RunConfig,
    sink: EventSink,
    policy: Policy | None,
    pool: DesktopPool,
    generator: Generator,
    agent: Agent,
    guide: Guide | None = None,
) -> EpisodeRunner:
    return EpisodeRunner(
        pool=pool,
        generator=generator,
        agent=agent,
        chat=policy.chat if policy else None,
        sink=sink,
        reward=config.reward,
        timeout_s=config.rollout.episode_timeout_s,
        # UI-TARS was taught with its old replies in sight, Qwen-VL with a list of what was done.
        history=History(images=config.agent.history_images, old_replies=config.agent.kind == "ui_tars"),
        pace=Lockstep() if config.kind == "train" and config.rollout.mode == "lockstep" else None,
        reply_timeout_s=config.rollout.reply_timeout_s,
        guide=guide,
    )
