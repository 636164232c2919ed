"""A training run from its first event to its last: parts together, loop, and how it ended, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arpo_engine.algorithms import build_algorithm
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import PhaseChanged
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.tasks import Task
from arpo_engine.models.folder import locate
from arpo_engine.runtime.context import CHECKPOINTS, Context, Wrappers, open_context
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.provenance import gather_provenance
from arpo_engine.trainer.building import build_learner
from arpo_engine.trainer.checkpoint import CheckpointStore
from arpo_engine.trainer.collecting import BatchCollector, Collector, Sources
from arpo_engine.trainer.guard import Guard
from arpo_engine.trainer.learning import Learning
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.orders import build_order
from arpo_engine.trainer.parts import Chosen, Ending, Parts, Progress
from arpo_engine.trainer.pushing import Pusher
from arpo_engine.trainer.rank_wire import RankGroup
from arpo_engine.trainer.ranked import RankedLearner
from arpo_engine.trainer.stop import StopSwitch
from arpo_engine.trainer.streaming import StreamCollector


async def run_training(
    config: RunConfig,
    *,
    run_dir: Path,
    attempt: int,
    sink: EventSink,
    executor: Executor,
    stop: StopSwitch,
    resuming: bool,
    wrappers: Wrappers | None = None,
) -> Ending:
    """Train until the end, a limit or a wish to stop."""
    async with open_context(
        config, run_dir=run_dir, attempt=attempt, sink=sink, executor=executor, wrappers=wrappers
    ) as context:
        ranks = await _start_ranks(config, sink, executor) if config.learner.spread else None
        return await train(build_parts(context, ranks), stop, resuming=resuming)


async def _start_ranks(config: RunConfig, sink: EventSink, executor: Executor) -> RankGroup:
    sink.emit(PhaseChanged(phase="preparing", detail=f"starting {config.learner.ranks} ranks of the learner"))
    return await executor.start_ranks(config)


def build_parts(context: Context, ranks: RankGroup | None = None) -> Parts:
    """What the loop needs, from what training and evaluating share; with ranks it is they that learn."""
    config = context.config
    assert context.policy is not None, "a config with a generator that has no weights here is refused when it is read"
    learner: Learning
    if ranks is None:
        learner = build_learner(config, context.policy)
    else:
        learner = RankedLearner(context.policy, ranks, penalises_rewards=config.algorithm.kl.place == "reward")
    order = build_order(context.train_tasks, config.seed, config.tasks.order)
    sources = Sources(
        config=config, order=order, planner=context.planner, scheduler=context.scheduler, pool=context.pool
    )
    return Parts(
        config=config,
        run_dir=context.run_dir,
        train_tasks=context.train_tasks,
        held_out_tasks=context.held_out_tasks,
        policy=context.policy,
        generator=context.generator,
        scheduler=context.scheduler,
        planner=context.planner,
        evaluator=context.evaluator,
        algorithm=build_algorithm(config.algorithm, config.seed),
        learner=learner,
        order=order,
        chosen=Chosen(),
        guard=Guard(config.guard),
        store=CheckpointStore(context.run_dir / CHECKPOINTS, keep=config.checkpoint.keep),
        pusher=Pusher(config.checkpoint, context.sink),
        sink=context.sink,
        collector=collector_of(sources, context.train_tasks),
        provenance=gather_provenance(
            config, tasks=(*context.train_tasks, *context.held_out_tasks), model_folder=locate(config.model.path)
        ),
        desktops=context.pool.size,
        progress=Progress(),
    )


def collector_of(sources: Sources, tasks: Sequence[Task]) -> Collector:
    """What `rollout.mode` names; `tasks` are all that are practised."""
    rollout = sources.config.rollout
    if rollout.mode == "stream":
        return StreamCollector(sources, tasks=tasks)
    return BatchCollector(sources, prepares=rollout.mode == "barrier" and rollout.prepare_next)
