"""What a try-out begins with: a task, words of a person, and how long it waits for one. Knows no desktop."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from arpo_engine.contract.base import Strict
from arpo_engine.contract.tryouts import LONGEST_INSTRUCTION


class TryoutConfig(Strict):
    """For runs of kind `try`: a person directs one agent on one desktop."""

    task: str = Field("", max_length=200)
    """Id of the task whose desktop it begins with, of either split; empty: the first one."""
    instruction: str = Field("", max_length=LONGEST_INSTRUCTION)
    """What the agent is told; empty: the task's own words. With words of your own nothing is scored, since the task's
    evaluator would judge something else."""
    begin: Literal["hold", "go"] = "hold"
    """`hold`: the agent waits for you to say so. `go`: it begins as soon as the desktop is there."""
    idle_s: float = Field(600.0, ge=5, le=86_400)
    """Seconds without a word of yours after which a try-out that waits for you ends, and its desktop is free."""
    temperature: float = Field(0.5, ge=0)
    """0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Sample from the likeliest tokens that together have this probability."""
    max_steps: int | None = Field(None, ge=1)
    """Actions that the agent may take for one instruction; what you do yourself is not counted. None:
    rollout.max_steps."""
