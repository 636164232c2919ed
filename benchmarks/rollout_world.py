"""The simulated half of `benchmarks/rollout.py`: desktops, a generator and a learner that only take their time.

What they take is drawn from a latency model, by the name of the episode and not by the clock, so that every mode meets
the same episodes. All seconds are simulated ones; `scale` of them pass in one second of the wall clock.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.desktops.host import Act, Answer, Request, Reset
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.models.chat import ChatFormat
from arpo_engine.rollout.plans import seed_of
from arpo_engine.trainer.report import LearnReport
from arpo_engine.types import Group, Observation

LEARN_S_PER_TRAJECTORY = 104 / 128
"""What a 7B takes on 16 GPUs: 83 s for the update of 128 trajectories and 21 s for their log-probs."""
MODEL_S = {"reset": 20.0, "generate": 3.0, "act": 1.5}
"""Medians of the log-normal parts."""
SPREAD = {"reset": 0.35, "generate": 0.5, "act": 0.6}
"""Their sigmas. With these a lockstep batch of 16, 64, 128 and 256 desktops takes 380, 710, 900 and 1,080 s."""
PAUSE_S = 0.5
SLOW_RESETS, SLOW_RESET_S = 0.03, (90.0, 180.0)
STALLS, STALL_S = 0.02, (15.0, 60.0)
WHOLE_EPISODES, LONGEST, SHORT = 0.45, 15, (4, 14)
SCREEN = np.zeros((56, 56, 3), dtype=np.uint8)
CLICK = "Thought: go on\nAction: click(start_box='(14,14)')"
DONE = "Thought: done\nAction: finished(content='')"


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long things take: the model above, or the lists of a trace."""

    trace: dict[str, list[float]] | None = None

    @classmethod
    def read(cls, path: Path) -> Latencies:
        """A JSON file with the lists `reset_s`, `step_s`, `generate_s` and `episode_steps`."""
        trace = json.loads(path.read_text(encoding="utf-8"))
        wanted = ("reset_s", "step_s", "generate_s", "episode_steps")
        lacking = [key for key in wanted if not isinstance(trace, dict) or not trace.get(key)]
        if lacking:
            raise SystemExit(f"{path} has no {', '.join(lacking)}; give a JSON object with the lists {wanted}")
        return cls({key: [float(value) for value in trace[key]] for key in wanted})

    @property
    def longest(self) -> int:
        """Most turns of an episode."""
        return LONGEST if self.trace is None else int(max(self.trace["episode_steps"]))

    def reset(self, chance: random.Random) -> float:
        """Seconds until a desktop is ready."""
        if self.trace is not None:
            return chance.choice(self.trace["reset_s"])
        if chance.random() < SLOW_RESETS:
            return chance.uniform(*SLOW_RESET_S)
        return chance.lognormvariate(math.log(MODEL_S["reset"]), SPREAD["reset"])

    def act(self, chance: random.Random) -> float:
        """Seconds of an action with its screenshot."""
        if self.trace is not None:
            return chance.choice(self.trace["step_s"])
        if chance.random() < STALLS:
            return PAUSE_S + chance.uniform(*STALL_S)
        return PAUSE_S + chance.lognormvariate(math.log(MODEL_S["act"]), SPREAD["act"])

    def generate(self, chance: random.Random) -> float:
        """Seconds of a reply."""
        if self.trace is not None:
            return chance.choice(self.trace["generate_s"])
        return chance.lognormvariate(math.log(MODEL_S["generate"]), SPREAD["generate"])

    def turns(self, chance: random.Random) -> int:
        """Replies of an episode."""
        if self.trace is not None:
            return int(chance.choice(self.trace["episode_steps"]))
        return LONGEST if chance.random() < WHOLE_EPISODES else chance.randint(*SHORT)

    def expected(self, samples: int = 20_000) -> tuple[float, float]:
        """(Mean seconds that an episode needs a desktop for, mean seconds of replies among them) of this model."""
        chance, generating, acting = random.Random("expected"), 0.0, 0.0
        for _ in range(samples):
            turns = self.turns(chance)
            generating += sum(self.generate(chance) for _ in range(turns))
            # The reply that ends an episode needs no action; one that runs out of steps has acted after each.
            actions = turns if turns == self.longest else turns - 1
            acting += self.reset(chance) + sum(self.act(chance) for _ in range(actions))
        return (generating + acting) / samples, generating / samples


@dataclass(slots=True)
class Clock:
    """Simulated time, and what was done in it."""

    scale: float
    busy_s: float = 0.0
    """Simulated seconds that desktops were of use to an episode: reset, waiting for its reply, acting."""
    actions: int = 0
    late_s: float = 0.0
    """Wall-clock seconds that waits took longer than they should have."""

    @property
    def now(self) -> float:
        """Simulated seconds."""
        return time.monotonic() * self.scale

    async def spend(self, seconds: float) -> None:
        """Let so much simulated time pass."""
        began = time.monotonic()
        await asyncio.sleep(seconds / self.scale)
        self.late_s += time.monotonic() - began - seconds / self.scale
        self.busy_s += seconds


class SimulatedDesktops:
    """Implements `DesktopHost`: desktops that take their time and show one picture."""

    def __init__(self, size: int, latencies: Latencies, clock: Clock, seed: int) -> None:
        self.name, self.size, self.machine = "simulated", size, "simulated"
        self._latencies, self._clock, self._seed = latencies, clock, seed
        self._resets: Counter[str] = Counter()
        self._chances: dict[int, random.Random] = {}

    async def call(self, index: int, request: Request) -> Answer:
        """Take the time that the request takes."""
        match request:
            case Reset(task):
                # The n-th reset of a task is the same in every mode.
                self._resets[task.id] += 1
                chance = random.Random(seed_of(self._seed, "desktop", task.id, self._resets[task.id]))
                self._chances[index] = chance
                await self._clock.spend(self._latencies.reset(chance))
            case Act():
                self._clock.actions += 1
                await self._clock.spend(self._latencies.act(self._chances[index]))
            case _:
                return float(self._chances[index].random() < 0.5)
        return Observation(pixels=SCREEN)

    async def restart(self) -> None:
        """Nothing breaks here."""

    async def close(self) -> None:
        """Nothing is held."""


class SimulatedGenerator:
    """Implements `Generator`: clicks until the episode's drawn number of turns is reached.

    With `at_once`, so many replies are made at a time and the others wait: a saturated server.
    """

    def __init__(self, chat: ChatFormat, latencies: Latencies, clock: Clock, *, at_once: int | None) -> None:
        self._latencies, self._clock = latencies, clock
        self._room = asyncio.Semaphore(at_once) if at_once else None
        self._turns: dict[str, int] = {}
        self._click, self._done = chat.reply_ids(CLICK), chat.reply_ids(DONE)
        self.version = 0

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """The next reply, when its time has passed."""
        seconds = self._latencies.generate(random.Random(prompt.seed))
        version = self.version
        if self._room is None:
            await self._clock.spend(seconds)
        else:
            async with self._room:
                await self._clock.spend(seconds)
        turn = self._turns[prompt.episode_id] = self._turns.get(prompt.episode_id, 0) + 1
        turns = self._latencies.turns(random.Random(seed_of("turns", prompt.episode_id)))
        ids = self._done if turn == turns < self._latencies.longest else self._click
        return Completion(ids=ids, logprobs=(-0.5,) * len(ids), weight_version=version, ended=True, seconds=seconds)

    def release(self, episode_id: str) -> None:
        """Forget its turns."""
        self._turns.pop(episode_id, None)

    async def push_weights(self, version: int, weights: object) -> None:
        """Only the version is of use here."""
        self.version = version

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class Learnt:
    """One step of the learner, in simulated seconds, and what had happened by its end."""

    began: float
    ended: float
    trajectories: int
    busy_s: float
    actions: int


@dataclass(slots=True)
class SimulatedLearner:
    """Stands where `Learner` does; takes its time for each trajectory."""

    clock: Clock
    stepped: Callable[[int], None]
    s_per_trajectory: float
    steps: list[Learnt] = field(default_factory=list)
    rate_factor: float = 1.0
    reward_penalty: None = None

    def learn(self, groups: Sequence[Group], step: int) -> LearnReport:
        """Sleep as long as the update of these trajectories takes."""
        began, count = self.clock.now, sum(len(group.members) for group in groups)
        time.sleep(count * self.s_per_trajectory / self.clock.scale)
        clock = self.clock
        self.steps.append(Learnt(began, clock.now, count, clock.busy_s, clock.actions))
        self.stepped(step)
        return LearnReport(updates=1, learning_rate=1e-6, finite=True, entropy=1.0, loss=0.0, live_share=1.0)

    def state_dict(self) -> dict[str, Any]:
        """A learner without weights has no state."""
        return {}

    def save_moments(self, folder: Path) -> None:
        """Nor has it moments."""


def tasks(count: int) -> tuple[Task, ...]:
    """So many tasks that none comes twice in a run."""
    return tuple(
        Task(id=f"task-{number:05d}", instruction="go on", evaluator=Evaluator(func="exact")) for number in range(count)
    )
