"""What a trainer and an engine process say to each other: plain data, pickled over a socket pair.

Both sides import this file, each in an environment of its own, so it knows NumPy and the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""A screenshot [height, width, 3], RGB, at the size that the model sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What one engine is started with; the first message that its process gets."""

    model: str
    """Folder of the weights it starts from."""
    dtype: str
    context_length: int
    max_images: int
    """Most screenshots of one context."""
    max_parallel: int
    """Most replies sampled at once."""
    tensor_parallel: int
    memory_share: float
    """Share of a GPU's memory."""
    kv_cache_gb: float | None
    """Room for keys and values; None: 1 on a CPU, what memory_share leaves on a GPU."""
    prefix_caching: bool
    eager: bool
    sleep: bool
    end_id: int
    """Token that ends a reply."""
    never_sampled: tuple[int, ...]
    """Tokens that only a prompt may hold, and those beyond the tokenizer's vocabulary."""
    trust_remote_code: bool = False
    scratch: str = ""
    """Folder that weights are pushed through; removed by the engine if the trainer died and cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One reply, please. The whole context goes with it; of its screenshots only those that the engine lacks."""

    number: int
    episode: str
    ids: tuple[int, ...]
    """The context with one placeholder for each screenshot."""
    length: int
    """Tokens of the context with the screenshots' own placeholders, as the trainer counts them."""
    frames: tuple[bytes, ...]
    """Keys of its screenshots, in reading order."""
    fresh: Mapping[bytes, Frame]
    """Those of them that were not sent to this engine before."""
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Take these weights; no reply is under way when they change, and none goes on with what was cached before."""

    number: int
    version: int
    update: Mapping[str, object]
    """What the transfer needs to find them; empty: only the version changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Give the GPU's memory back until the next push or the next reply that is asked for."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """An episode is over; there is no answer."""

    episode: str


Request = Ask | Push | Rest | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The first message of an engine process: the model is loaded."""

    device: str
    """`cpu` or `cuda`."""
    version: str
    """Of vLLM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A sampled reply."""

    number: int
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    version: int
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt, those whose keys and values were kept from earlier turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A push or a rest is over."""

    number: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A request could not be met, and the engine lives on."""

    number: int
    message: str


Answer = Said | Done | Failed


@dataclass(slots=True)
class Shelf:
    """The screenshots that one engine holds, by episode; both sides keep one, so that each is sent once."""

    held: dict[str, dict[bytes, Frame | None]] = field(default_factory=dict)

    def of(self, episode: str) -> dict[bytes, Frame | None]:
        """Those of an episode; the trainer's side keeps keys only."""
        return self.held.setdefault(episode, {})

    def forget(self, episode: str) -> None:
        """Drop them."""
        self.held.pop(episode, None)
