"""Plain data of the method: what was seen, said and done. No tensors, no I/O, nothing that has behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from arpo_engine.contract.actions import Action
from arpo_engine.contract.outcomes import EndedBy, Fault

Pixels = NDArray[np.uint8]
"""A screenshot [height, width, 3], RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a desktop shows after a reset or an action."""

    pixels: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn of an episode: the screenshot that was seen, the tokens that were sampled, the action they meant."""

    pixels: Pixels
    prompt_ids: tuple[int, ...]
    """Tokens that this turn added to the context before the reply: instruction, screenshot, headers; see `window`."""
    reply_ids: tuple[int, ...]
    """Tokens as they were sampled, the end-of-turn token among them if it was sampled."""
    reply_logprobs: tuple[float, ...]
    """Log-prob of each reply token under the weights that sampled it."""
    weight_version: int
    text: str
    thought: str
    action: Action | None
    """None: the reply was unreadable, or it did not end in time."""
    window: int | None = None
    """None: the turn continued the context of the turn before. Otherwise the context began anew with `prompt_ids`,
    which hold so many screenshots: this step's, and those of the steps just before it."""
    unlisted_tokens: int = 0
    """Sampled tokens that a server counted without giving their ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One whole episode."""

    episode_id: str
    task_id: str
    steps: tuple[Step, ...]
    ended_by: EndedBy
    score: float | None
    """The task's own score; None: never scored. Zero is a real score."""
    format_reward: float = 0.0
    """0, or -1 when a reply could not be read."""
    reward: float | None = None
    """None exactly when `score` is None."""
    fault: Fault | None = None
    note: str = ""
    collected_at_step: int = 0
    duration_s: float = 0.0
    last_seen: Pixels | None = None
    """The desktop as it was scored; kept where results are written for others to look at, never in training."""

    @property
    def tokens(self) -> int:
        """Sampled tokens of all turns."""
        return sum(len(step.reply_ids) + step.unlisted_tokens for step in self.steps)

    @property
    def computed_tokens(self) -> int:
        """What a pass over all turns computes: prompts, screenshots and replies; those of each window anew."""
        return sum(len(step.prompt_ids) + len(step.reply_ids) for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A trajectory in its group as it is trained on."""

    trajectory: Trajectory
    advantage: float
    replaced: str | None = None
    """Set when the trajectory was injected from replay: the episode whose place it took."""
    advantage_before: float | None = None
    """In a group that replay changed: what stood in this place before would have had this advantage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The rollouts of one task in one step; those with a fault have left it."""

    group_id: str
    task_id: str
    members: tuple[Member, ...]
    faults: int = 0
    fresh: tuple[Trajectory, ...] = field(default=())
    """The group as it was collected, before replay."""

    @property
    def zero_gradient(self) -> bool:
        """Whether no member has an advantage, so that nothing can be learnt from the group."""
        return all(member.advantage == 0.0 for member in self.members)
