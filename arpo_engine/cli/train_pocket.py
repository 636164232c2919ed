"""`python -m arpo_engine train-pocket`: rebuild the small policy that ships with the engine, from the oracles' lessons.

Four stages: grounding on random screens, reciting demonstrations without screenshots, imitating perfect demonstrations,
and a short imitation of somebody who forgets things, which leaves the policy half-trained on purpose: that is what
reinforcement learning starts from.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from arpo_engine.agents.ui_tars import SHORT_SYSTEM
from arpo_engine.cli.pocket_lessons import batches, demonstration, forgetful, scene
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.parts import EvaluationConfig, ModelConfig, UiTarsAgentConfig
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.vocabulary import VOCABULARY
from arpo_engine.models.folder import BUILTIN
from arpo_engine.models.pocket.build import PocketShape, build_policy
from arpo_engine.models.pocket.card import Card, SplitResult, write_card
from arpo_engine.models.pocket.warm_start import Progress, Stage, WarmStart
from arpo_engine.models.policy import Policy
from arpo_engine.runtime.context import RESULTS
from arpo_engine.runtime.evaluating import SUMMARY, run_evaluation
from arpo_engine.runtime.executors import build_executor
from arpo_engine.runtime.task_source import load_tasks
from arpo_engine.trainer.stop import StopSwitch

SYSTEM_WORDS = ("You", "are", "a", "GUI", "agent")
SCENE_BATCH, LESSON_BATCH, REFRESHER_BATCH = 32, 16, 12
LEARNING_RATES = {"ground": 4e-3, "recite": 2e-3, "clone": 1.5e-3, "sloppy": 4e-4}
"""Highest learning rates of the stages."""
FORGETFUL = {
    "save": 0.8, "confirm": 0.75, "send": 0.8, "open_file": 0.75, "rename": 0.4, "notice": 0.7,
    "option": 0.15, "about": 0.3, "copy": 0.3, "cell": 0.2, "delete": 0.2, "note": 0.1,
}  # fmt: skip
"""What the sloppy demonstrator forgets, and how often."""
CARD_ATTEMPTS, CARD_TEMPERATURE = 4, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the command line asked for."""

    minutes: dict[str, float]
    seed: int
    out: Path
    work: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the rebuild; its defaults are what the shipped policy was made with."""
    parser.add_argument("--minutes-ground", type=float, default=7.0, help="learning to read (minutes of one core)")
    parser.add_argument("--minutes-recite", type=float, default=2.0, help="learning which words to say")
    parser.add_argument("--minutes-clone", type=float, default=16.0, help="learning to act")
    parser.add_argument("--minutes-sloppy", type=float, default=2.0, help="learning to forget")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=BUILTIN["builtin:pocket"], help="folder of the finished policy")
    parser.add_argument("--work", type=Path, default=Path("runs/train-pocket"), help="copies of the stages go here")


def main(arguments: argparse.Namespace) -> int:
    """Build, teach, measure, write."""
    plan = Plan(
        minutes={name: getattr(arguments, f"minutes_{name}") for name in LEARNING_RATES},
        seed=arguments.seed,
        out=arguments.out,
        work=arguments.work,
    )
    console = Console()
    console.print(f"Teaching a new pocket policy, about {sum(plan.minutes.values()):.0f} minutes of one core …")
    began = time.monotonic()
    torch.set_num_threads(1)
    policy = build_policy((*SYSTEM_WORDS, *VOCABULARY), PocketShape(), plan.seed)
    teach(policy, plan, console)
    policy.save(plan.out, dtype="bfloat16")
    console.print(f"Measuring it on the shipped tasks, {CARD_ATTEMPTS} tries of each …")
    card = measure(policy, plan, (time.monotonic() - began) / 60)
    write_card(plan.out, card)
    console.print(card.summary())
    return 0


def teach(policy: Policy, plan: Plan, console: Console) -> None:
    """The four stages; each leaves a copy in the work folder, so that a long one is never lost."""
    course = WarmStart(policy, SHORT_SYSTEM, plan.seed, lambda progress: console.print(_line(progress)))
    stages = {name: Stage(name=name, minutes=plan.minutes[name], lr=rate) for name, rate in LEARNING_RATES.items()}

    def keep(name: str) -> None:
        policy.save(plan.work / name)

    seed = plan.seed * 10
    with batches(scene, size=SCENE_BATCH, seed=seed + 1) as scenes:
        course.ground(stages["ground"], scenes)
    keep("ground")
    with (
        batches(demonstration, size=LESSON_BATCH, seed=seed + 2) as lessons,
        batches(scene, size=REFRESHER_BATCH, seed=seed + 3) as scenes,
    ):
        course.recite(stages["recite"], lessons, scenes)
        keep("recite")
        course.imitate(stages["clone"], lessons, scenes)
    keep("clone")
    with batches(forgetful(FORGETFUL), size=LESSON_BATCH, seed=seed + 4) as lessons:
        course.imitate(stages["sloppy"], lessons)


def measure(policy: Policy, plan: Plan, wall_minutes: float) -> Card:
    """Try every shipped task with the saved policy, as `evaluate` does."""
    config = RunConfig(
        kind="evaluate",
        seed=plan.seed,
        model=ModelConfig(path=str(plan.out)),
        agent=UiTarsAgentConfig(prompt="short"),
        evaluation=EvaluationConfig(attempts=CARD_ATTEMPTS, temperature=CARD_TEMPERATURE),
    )
    sink = MemorySink()
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        asyncio.run(
            run_evaluation(
                config,
                run_dir=run_dir,
                attempt=1,
                sink=sink,
                executor=build_executor("local"),
                stop=StopSwitch(sink, minutes=None),
            )
        )
        found = json.loads((run_dir / RESULTS / SUMMARY).read_text(encoding="utf-8"))["splits"]
    tasks = dict(zip(("train", "held_out"), load_tasks(config), strict=True))
    return Card(
        parameters=sum(weight.numel() for weight in policy.module.parameters()),
        vocabulary=len(policy.tokenizer),
        seed=plan.seed,
        minutes=plan.minutes,
        wall_minutes=wall_minutes,
        temperature=CARD_TEMPERATURE,
        splits={name: _result(found[name], tasks[name]) for name in found},
    )


def _result(found: Mapping[str, Any], tasks: tuple[Task, ...]) -> SplitResult:
    successes: Counter[str] = Counter()
    attempts: Counter[str] = Counter()
    for task in tasks:
        template = str((task.model_extra or {}).get("template", task.id))
        won, tried = found["by_task"].get(task.id, (0, 0))
        successes[template] += won
        attempts[template] += tried
    return SplitResult(
        feasible=(found["successes"], found["attempts"]),
        infeasible=(found["infeasible_successes"], found["infeasible_attempts"]),
        by_template={name: (successes[name], attempts[name]) for name in sorted(attempts)},
    )


def _line(progress: Progress) -> str:
    values = ", ".join(f"{name} {value:.3f}" for name, value in progress.values.items())
    return f"{progress.stage:>7} {progress.share:4.0%}  step {progress.step}: {values}"
