"""What a training is made of, put together at the composition root and used by the loop. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from arpo_engine.algorithms.base import Algorithm
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.events import Provenance
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import EventSink
from arpo_engine.contract.selection import Choice
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.evaluator import Evaluator
from arpo_engine.inference.base import Generator
from arpo_engine.models.policy import Policy
from arpo_engine.rollout.plans import Planner
from arpo_engine.rollout.scheduler import Scheduler
from arpo_engine.trainer.checkpoint import CheckpointStore
from arpo_engine.trainer.collecting import Collector
from arpo_engine.trainer.guard import Guard
from arpo_engine.trainer.learning import Learning
from arpo_engine.trainer.orders import Order
from arpo_engine.trainer.pushing import Pusher


@dataclass(slots=True)
class Progress:
    """How far a run has come, over all its attempts."""

    step: int = 0
    env_steps: int = 0
    """Actions taken by training rollouts."""
    episodes: int = 0
    seconds: float = 0.0
    """Wall-clock seconds spent in finished steps."""

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from saved numbers."""
        for name, value in state.items():
            setattr(self, name, value)


@dataclass(slots=True)
class Chosen:
    """Which tasks are practised, if they were chosen (`tasks.selection`)."""

    choice: Choice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything that the loop needs."""

    config: RunConfig
    run_dir: Path
    train_tasks: tuple[Task, ...]
    held_out_tasks: tuple[Task, ...]
    policy: Policy
    generator: Generator
    scheduler: Scheduler
    planner: Planner
    evaluator: Evaluator
    algorithm: Algorithm
    learner: Learning
    order: Order
    chosen: Chosen
    guard: Guard
    store: CheckpointStore
    pusher: Pusher
    sink: EventSink
    collector: Collector
    provenance: Provenance
    desktops: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, for the last event and for the exit code."""

    outcome: RunOutcome
    step: int
    reason: str
