"""The warm start: grounding on scenes, then imitation of demonstrations. Knows policies and lessons, no desktop, and no
clock but the processor's: a stage lasts for minutes of one core, however busy the machine is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arpo_engine.models.pocket.lessons import Demonstration, Scene, SceneLoss, SceneTeacher, imitation_loss
from arpo_engine.models.policy import Policy

BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.01
MAX_GRAD_NORM = 1.0
WARMUP_STEPS = 30
LAST_LR_SHARE = 0.03
CELL_WEIGHT = 0.5
PLACE_WEIGHT = 0.3


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

    def ground(self, stage: Stage, batches: Iterable[Sequence[Scene]]) -> None:
        """Learn to read: what stands where."""
        teacher = SceneTeacher(self.policy, self.system)
        source = iter(batches)
        with torch.no_grad():
            teacher.loss(next(source), self._rng)  # the probes take their size from the first batch
        last: list[SceneLoss] = []

        def loss() -> Tensor:
            found = teacher.loss(next(source), self._rng)
            last[:] = [found]
            return found.point + CELL_WEIGHT * found.cell + PLACE_WEIGHT * found.place

        def values() -> dict[str, float]:
            return {"point right": last[0].point_right, "cell right": last[0].cell_right}

        self._run(stage, [*self.policy.module.parameters(), *teacher.probes.parameters()], loss, values)

    def imitate(self, stage: Stage, batches: Iterable[Sequence[Demonstration]]) -> None:
        """Learn to act as the demonstrators do."""
        source = iter(batches)
        last: list[Sequence[Demonstration]] = []

        def loss() -> Tensor:
            last[:] = [next(source)]
            return imitation_loss(self.policy, self.system, last[0])

        def values() -> dict[str, float]:
            return {"demonstrators' success": sum(item.succeeded for item in last[0]) / len(last[0])}

        self._run(stage, list(self.policy.module.parameters()), loss, values)

    def _run(
        self,
        stage: Stage,
        parameters: Sequence[torch.nn.Parameter],
        loss: Callable[[], Tensor],
        values: Callable[[], dict[str, float]],
    ) -> None:
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
                shown = {"loss": mean, **values()}
                self.report(Progress(stage=stage.name, step=step + 1, share=share, values=shown))


def learning_rate_share(step: int, share: float) -> float:
    """Warm-up, then half a cosine down to a small rest."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return min(1.0, (step + 1) / WARMUP_STEPS) * (LAST_LR_SHARE + (1 - LAST_LR_SHARE) * cosine)


def _shares(minutes: float) -> Iterator[float]:
    """The share of the minutes that is used up, before each step, until they are over."""
    began = time.process_time()
    while (share := (time.process_time() - began) / (60 * minutes)) < 1:
        yield share
