"""What the process of a run and the ranks of its learner say to each other. Who carries it is not known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arpo_engine.contract.errors import ArpoError
from arpo_engine.types import Group, Trajectory


@dataclass(frozen=True, slots=True)
class Learn:
    """Update the weights from the groups of a step; every rank gets all of them and takes its share."""

    groups: Sequence[Group]
    step: int
    rate_factor: float


@dataclass(frozen=True, slots=True)
class Penalise:
    """What each trajectory's reward is reduced by for its distance from the reference policy."""

    trajectories: Sequence[Trajectory]
    remembered: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole tensor as bytes, which travel without being copied into a message."""

    dtype: str
    shape: tuple[int, ...]
    data: NDArray[np.uint8]

    @classmethod
    def of(cls, tensor: Tensor) -> Sheet:
        """On the computer's memory."""
        held = tensor.detach().cpu().contiguous()
        data = held.reshape(-1).view(torch.uint8).numpy()
        return cls(str(held.dtype).removeprefix("torch."), tuple(held.shape), data)

    def tensor(self) -> Tensor:
        """A copy: what arrives may be a read-only view of somebody else's memory."""
        return torch.from_numpy(np.array(self.data)).view(getattr(torch, self.dtype)).view(self.shape)


@dataclass(frozen=True, slots=True)
class ReadWeights:
    """Bring these weights together; the first rank sends them."""

    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class TakeWeights:
    """Go on with these weights."""

    weights: Mapping[str, Sheet]


@dataclass(frozen=True, slots=True)
class ReadState:
    """What of the learner is no tensor; the first rank sends it."""


@dataclass(frozen=True, slots=True)
class TakeState:
    """Go on from a saved state: `moments` are whole, or the folder that ranks saved theirs in."""

    state: Mapping[str, Any]
    moments: Mapping[int, Mapping[str, Sheet]] | Path

    def whole(self) -> dict[str, Any]:
        """As `Learner.load_state_dict` takes it."""
        if isinstance(self.moments, Path):
            return {**self.state, "optimizer": self.moments}
        tensors = {
            place: {name: sheet.tensor() for name, sheet in numbers.items()} for place, numbers in self.moments.items()
        }
        return {**self.state, "optimizer": {"state": tensors, "param_groups": self.state["groups"]}}


@dataclass(frozen=True, slots=True)
class SaveMoments:
    """Write the optimizer's moments into a folder that all ranks see, each its own part."""

    folder: Path


Request = Learn | Penalise | ReadWeights | TakeWeights | ReadState | TakeState | SaveMoments


@dataclass(frozen=True, slots=True)
class Done:
    """A request was met; the value is that of the first rank: a report, penalties, sheets by name or plain state."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A request could not be met, and its rank is of no use any more: the others wait for it in the middle of it."""

    kind: Literal["memory", "disk", "error"]
    message: str
    error: ArpoError | None = None
    """Set when the error was raised on purpose; its text is meant for the person."""


Answer = Done | Failed


class RankGroup(Protocol):
    """All ranks of a learner, each in a process of its own."""

    size: int

    def ask(self, request: Request) -> Done:
        """Let all ranks meet a request; the first rank's answer. Waits no longer than `learner.answer_timeout_s`.

        Raises:
            LearnerLost: a rank died, is out of memory or gave no answer; the others are ended.
            ArpoError: a rank refused; the others are ended.
            OSError: a disk refused what was to be saved; the ranks are ended.
        """
        ...

    def close(self) -> None:
        """End all ranks; may be called twice, and while another thread waits for them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSettings:
    """What one rank is started with."""

    config: Mapping[str, Any]
    """The run's config as plain data."""
    rank: int
    size: int
    meet_at: str
    """Where ranks find each other: `file://` a fresh file that all see, or `tcp://host:port` of the first rank."""
    device: str
    """`cpu`, or `cuda:` with a number."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment, set before anything else."""
