"""What both sides of `benchmarks/learner.py` learn from, and how each of them is spoken to from outside."""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from arpo_engine.contract.config.objective import ClipConfig
from arpo_engine.types import Trajectory

FILE = "work.pickle"
MB_OF_RSS = 1024 if sys.platform != "darwin" else 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One optimizer step: what is learnt from, and how."""

    checkpoint: Path
    trajectories: tuple[Trajectory, ...]
    advantages: tuple[float, ...]
    """None is 0, so that whoever leaves such trajectories out gains nothing."""
    clip: ClipConfig
    temperature: float
    group_size: int
    lr: float = 1e-5
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0

    @property
    def tokens(self) -> int:
        """Tokens that are computed: prompts, screenshots and replies."""
        return sum(trajectory.computed_tokens for trajectory in self.trajectories)

    @property
    def sampled_tokens(self) -> int:
        """Those of replies, which the loss is of."""
        return sum(trajectory.tokens for trajectory in self.trajectories)

    def write(self, folder: Path) -> None:
        """For `read` in another process."""
        (folder / FILE).write_bytes(pickle.dumps(self))


def read(folder: Path) -> Work:
    """What this benchmark itself has written."""
    work: Work = pickle.loads((folder / FILE).read_bytes())
    return work


class Side(Protocol):
    """A learner that is measured."""

    def prepare(self, settings: dict[str, Any]) -> None:
        """Begin anew from the checkpoint, with some settings."""
        ...

    def step(self) -> dict[str, float]:
        """One optimizer step over all of the work; its loss and the norm of its gradient."""
        ...


def serve(side: Side) -> None:
    """Do what each line of standard input asks for, and answer it with a line of JSON; what else is printed goes to
    standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        words = json.loads(line)
        if words["do"] == "prepare":
            side.prepare(words["settings"])
            answer: dict[str, float] = {}
        else:
            began, cpu = time.perf_counter(), time.process_time()
            found = side.step()
            answer = {
                **found,
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - cpu,
            }
        answer["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB_OF_RSS
        print(json.dumps(answer), file=answers, flush=True)
