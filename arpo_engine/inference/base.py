"""The protocol of everything that samples replies. Token ids go in and come out; text is the agent's business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from arpo_engine.types import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How replies are drawn. A temperature of 0 is greedy."""

    temperature: float
    top_p: float
    max_new_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a turn says, for a server that tokenises itself; the screenshot stands before the caption."""

    system: str = ""
    """The system turn; only where a context begins, as is `user`."""
    user: str = ""
    caption: str = ""
    first_caption: str = ""
    """Where a context begins anew (`Prompt.earlier`): the caption of its first screenshot."""
    old_replies: bool = True
    """Where a context begins anew: whether the replies stay whose screenshots have left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The next turn of an episode: only what was added to its context since the last reply."""

    episode_id: str
    task_id: str = ""
    """For what knows tasks beforehand, as an oracle does; models are told nothing of it."""
    new_ids: tuple[int, ...]
    """Ids to append to the episode's context, image placeholders among them; see `earlier`."""
    pixels: Pixels
    """The screenshot that the (last) placeholders in `new_ids` stand for."""
    words: Words = Words()
    """The same turn in words."""
    seed: int = 0
    """The noise of this reply depends on this number only, never on which other episodes share its batch, so that a run
    can be repeated. The caller gives another number for every turn."""
    earlier: tuple[Pixels, ...] | None = None
    """None: the turn continues the context. Otherwise the context begins anew with `new_ids`, which hold these
    screenshots before `pixels`: the window of the history has moved on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A sampled reply. The episode's context now ends with exactly `ids`."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    """Log-prob of each id under the sampling distribution at temperature 1 scaled by `Sampling.temperature`."""
    weight_version: int
    ended: bool
    """Whether the end-of-turn token was sampled before `max_new_tokens` ran out."""
    seconds: float
    text: str | None = None
    """The reply in words, from a server that gives no ids; None: decode `ids`."""
    unlisted_tokens: int = 0
    """Sampled tokens that are not in `ids`, because the server only counts them."""


class Generator(Protocol):
    """Samples replies for many episodes at once; keeps each episode's context until it is released."""

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Append the turn to the episode's context and sample a reply. A turn that is cancelled leaves the context as
        it was before.

        Raises:
            ContextFull: the context would outgrow the model's.
            GeneratorLost: the sampler is gone; the episode can be run again elsewhere.
        """
        ...

    def release(self, episode_id: str) -> None:
        """Forget an episode's context; unknown ids are ignored."""
        ...

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        """Sample with these weights (parameter name to tensor) from now on; cached contexts become invalid."""
        ...

    async def close(self) -> None:
        """Give up the model."""
        ...


@runtime_checkable
class OwnProcesses(Protocol):
    """What a generator can do besides, if its model lives in processes of its own."""

    async def rest(self) -> None:
        """Nothing will be asked for a while: give memory to the learner. The next push or reply ends the rest."""
        ...

    def take_values(self) -> dict[str, float]:
        """Metrics of what happened since the last call."""
        ...
