"""The warm start: grounding on scenes, then imitation of demonstrations. Knows policies and lessons, no desktop, and no
clock but the processor's: a stage lasts for minutes of one core, however busy the machine is.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arpo_engine.models.pocket.lessons import Demonstration, Scene, SceneLoss, SceneTeacher, imitation_loss
from arpo_engine.models.pocket.recital import Verse, recital_loss, verse
from arpo_engine.models.policy import Policy

BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.01
MAX_GRAD_NORM = 1.0
WARMUP_STEPS = 30
LAST_LR_SHARE = 0.03
CELL_WEIGHT = 0.5
PLACE_WEIGHT = 0.3
READING_WEIGHT = 0.5
VERSES_KEPT, VERSES_A_STEP = 8192, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the warm start."""

    name: str
    minutes: float
    """Of one core."""
    lr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How a stage goes, for a person who waits."""

    stage: str
    step: int
    share: float
    """Of the stage's minutes that are used up."""
    values: dict[str, float]


Report = Callable[[Progress], None]


class WarmStart:
    """Teaches one policy, stage after stage."""

    def __init__(self, policy: Policy, system: str, seed: int, report: Report, every: int = 50) -> None:
        self.policy = policy
        self.system = system
        self.report = report
        self.every = every
        self._rng = np.random.default_rng(seed)
        self._teacher = SceneTeacher(policy, system)

    def ground(self, stage: Stage, batches: Iterable[Sequence[Scene]]) -> None:
        """Learn to read: what stands where."""
        reading = self._reading(batches)
        shown: dict[str, float] = {}

        def loss() -> Tensor:
            found = reading()
            shown.update({"point right": found.point_right, "look right": found.look_right})
            return _total(found)

        self._run(stage, loss, shown)

    def recite(
        self, stage: Stage, batches: Iterable[Sequence[Demonstration]], scenes: Iterable[Sequence[Scene]] | None = None
    ) -> None:
        """Learn demonstrations by heart, without screenshots; each is repeated a few times among thousands."""
        source = iter(batches)
        reading = None if scenes is None else self._reading(scenes)
        verses: deque[Verse] = deque(maxlen=VERSES_KEPT)
        shown: dict[str, float] = {}

        def loss() -> Tensor:
            verses.extend(verse(self.policy.chat, self.system, lesson) for lesson in next(source))
            picked = [verses[place] for place in self._rng.integers(0, len(verses), VERSES_A_STEP)]
            value, shown["words right"] = recital_loss(self.policy, picked)
            if reading is None:
                return value
            found = reading()
            shown["point right"] = found.point_right
            return value + READING_WEIGHT * _total(found)

        self._run(stage, loss, shown)

    def imitate(
        self, stage: Stage, batches: Iterable[Sequence[Demonstration]], scenes: Iterable[Sequence[Scene]] | None = None
    ) -> None:
        """Learn to act as the demonstrators do, and go on reading scenes meanwhile where there are any."""
        source = iter(batches)
        reading = None if scenes is None else self._reading(scenes)
        shown: dict[str, float] = {}

        def loss() -> Tensor:
            lessons = next(source)
            found = imitation_loss(self.policy, self.system, lessons)
            shown.update({"imitation": found.imitation.item(), "look right": found.look_right})
            shown["demonstrators' success"] = sum(item.succeeded for item in lessons) / len(lessons)
            total = found.imitation + found.look
            if reading is None:
                return total
            read = reading()
            shown["point right"] = read.point_right
            return total + READING_WEIGHT * _total(read)

        self._run(stage, loss, shown)

    def _reading(self, batches: Iterable[Sequence[Scene]]) -> Callable[[], SceneLoss]:
        source = iter(batches)
        return lambda: self._teacher.loss(next(source), self._rng)

    def _run(
        self,
        stage: Stage,
        loss: Callable[[], Tensor],
        shown: dict[str, float],
    ) -> None:
        parameters = [*self.policy.module.parameters(), *self._teacher.probes.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=stage.lr, betas=BETAS, weight_decay=WEIGHT_DECAY)
        recent: list[float] = []
        for step, share in enumerate(_shares(stage.minutes)):
            for group in optimizer.param_groups:
                group["lr"] = stage.lr * learning_rate_share(step, share)
            value = loss()
            optimizer.zero_grad()
            value.backward()
            torch.nn.utils.clip_grad_norm_(parameters, MAX_GRAD_NORM)
            optimizer.step()
            recent.append(value.item())
            if (step + 1) % self.every == 0:
                mean = sum(recent[-self.every :]) / self.every
                self.report(Progress(stage=stage.name, step=step + 1, share=share, values={"loss": mean, **shown}))


def _total(found: SceneLoss) -> Tensor:
    return found.point + found.look + CELL_WEIGHT * found.cell + PLACE_WEIGHT * found.place


def learning_rate_share(step: int, share: float) -> float:
    """Warm-up, then half a cosine down to a small rest."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return min(1.0, (step + 1) / WARMUP_STEPS) * (LAST_LR_SHARE + (1 - LAST_LR_SHARE) * cosine)


def _shares(minutes: float) -> Iterator[float]:
    """The share of the minutes that is used up, before each step, until they are over."""
    began = time.process_time()
    while (share := (time.process_time() - began) / (60 * minutes)) < 1:
        yield share
