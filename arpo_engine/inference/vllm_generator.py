"""Sampling with vLLM in processes of its own: contexts as ids here, keys and values there.

An episode's context is kept whole on this side, so that any engine can go on with it. vLLM keeps what it has read of
it from turn to turn (prefix caching), and how much of the prompts that saved is measured. Weights go through a file in
shared memory.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import torch
from safetensors.torch import save_file

from arpo_engine.contract.config.generators import VllmGeneratorConfig
from arpo_engine.contract.errors import ContextFull, GeneratorLost, ModelError
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.inference.vllm_fleet import Fleet
from arpo_engine.inference.vllm_replica import Replica
from arpo_engine.inference.vllm_wire import Ask, Frame, Push
from arpo_engine.models.chat import ChatFormat
from arpo_engine.models.contexts import frame_key
from arpo_engine.models.patches import resized

log = logging.getLogger(__name__)

SEEDS = 2**63
SHARED_MEMORY = Path("/dev/shm")


@dataclass(slots=True)
class _Context:
    """Everything an episode has read and said so far."""

    ids: list[int] = field(default_factory=list)
    frames: list[tuple[bytes, Frame]] = field(default_factory=list)
    """Its screenshots at the size that the model sees, each with its key."""


class VllmGenerator:
    """Implements `Generator` and `OwnProcesses` with engines that hold weights of their own."""

    def __init__(
        self,
        chat: ChatFormat,
        config: VllmGeneratorConfig,
        replicas: Sequence[Replica],
        *,
        context_length: int,
        weight_names: Collection[str],
        scratch: Path,
    ) -> None:
        self.config = config
        self._chat = chat
        self._context_length = context_length
        self._weight_names = frozenset(weight_names)
        self._fleet = Fleet(replicas, restarts=config.restarts, timeout_s=config.timeout_s)
        self._contexts: dict[str, _Context] = {}
        self._folder = scratch
        self._file: Path | None = None
        self._open = False
        self._read = self._cached = 0

    async def open(self) -> str:
        """Start the engines; what they run on, in a sentence.

        Raises:
            ModelError: they cannot start.
        """
        try:
            ready = await self._fleet.open()
        except ModelError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self._open = True
        return f"vLLM {ready.version} on {ready.device}, {self._fleet.alive} replicas"

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Append the turn to the episode's context and sample a reply; see `Generator`."""
        if not self._open:
            raise GeneratorLost("the generator is closed; the episode can be run again on a new one")
        context = self._contexts.setdefault(prompt.episode_id, _Context())
        read = len(context.ids) if prompt.earlier is None else 0
        needed = read + len(prompt.new_ids) + sampling.max_new_tokens
        if needed > self._context_length:
            raise ContextFull(
                f"episode {prompt.episode_id} needs {needed} tokens, the model's context holds {self._context_length}; "
                "lower rollout.max_steps, or raise generator.context_length as far as the model goes"
            )
        before = [*context.ids], [*context.frames]
        self._append(context, prompt)
        started = time.perf_counter()
        try:
            said = await self._fleet.ask(prompt.episode_id, lambda held: self._asking(prompt, sampling, context, held))
        except asyncio.CancelledError:
            # Nobody knows how much of it the engine has heard, so it is told everything with the next turn.
            context.ids, context.frames = before
            self._fleet.forget(prompt.episode_id)
            raise
        context.ids += said.ids
        self._read += said.prompt_tokens
        self._cached += said.cached_tokens
        return Completion(
            ids=said.ids,
            logprobs=said.logprobs,
            weight_version=said.version,
            ended=bool(said.ids) and said.ids[-1] == self._chat.end_id,
            seconds=time.perf_counter() - started,
        )

    def release(self, episode_id: str) -> None:
        """Forget an episode's context, here and there."""
        if self._contexts.pop(episode_id, None) is not None:
            self._fleet.forget(episode_id)

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        """Sample with these weights from now on; replies that are under way end first.

        Raises:
            ModelError: they are not exactly the model's. vLLM keeps several in one tensor, so that a part of them would
                leave the rest of it undefined, and what it does not know it passes over.
            GeneratorLost: no engine is left.
        """
        if not self._open:
            raise GeneratorLost("the generator is closed and takes no weights; make a new one")
        unknown, missing = set(weights) - self._weight_names, self._weight_names - set(weights)
        if weights and (unknown or missing):
            verb, wrong = ("hold", sorted(unknown)) if unknown else ("lack", sorted(missing))
            raise ModelError(
                f"the weights pushed to vLLM {verb} {wrong[0]!r}, and the model has {len(self._weight_names)} weights; "
                "push all of them by their Hugging Face names"
            )
        file = self._folder / f"weights-{version}.safetensors"
        update: dict[str, object] = {}
        if weights:
            await asyncio.to_thread(_write, weights, file)
            update = {"path": str(file)}
        await self._fleet.push(Push(number=0, version=version, update=update))
        # Kept until the next push: an engine that comes back reads it.
        old, self._file = self._file, file if weights else self._file
        if weights and old is not None and old != file:
            old.unlink(missing_ok=True)

    async def rest(self) -> None:
        """Let the engines' GPUs be used by others until the next push or reply; not while an episode is under way."""
        if self.config.sleep and not self._contexts:
            for remark in await self._fleet.rest():
                log.warning("generator.sleep has no effect: %s", remark)

    def take_values(self) -> dict[str, float]:
        """What happened since this was last asked, as metrics."""
        values = {
            "rollout/replicas": float(self._fleet.alive),
            "rollout/replicas_replaced": float(self._fleet.replaced),
        }
        if self._read:
            values["rollout/prefix_hit_rate"] = self._cached / self._read
        self._read = self._cached = 0
        return values

    async def close(self) -> None:
        """End the engines; turns that wait are lost."""
        self._open = False
        await self._fleet.close()
        self._contexts = {}
        shutil.rmtree(self._folder, ignore_errors=True)

    def _append(self, context: _Context, prompt: Prompt) -> None:
        if prompt.earlier is not None:
            context.ids, context.frames = [], []
        context.ids += prompt.new_ids
        for pixels in (*(prompt.earlier or ()), prompt.pixels):
            context.frames.append((frame_key(pixels), resized(pixels, self._chat.patches.limits)))

    def _asking(self, prompt: Prompt, sampling: Sampling, context: _Context, held: Mapping[bytes, object]) -> Ask:
        return Ask(
            number=0,
            episode=prompt.episode_id,
            ids=folded(context.ids, self._chat.image_id),
            length=len(context.ids),
            frames=tuple(key for key, _ in context.frames),
            fresh={key: pixels for key, pixels in context.frames if key not in held},
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_new_tokens=sampling.max_new_tokens,
            seed=prompt.seed % SEEDS,
        )


def folded(ids: Sequence[int], image_id: int) -> tuple[int, ...]:
    """Ids with one placeholder for each screenshot, as vLLM takes them; two screenshots never touch."""
    found: list[int] = []
    for token, run in groupby(ids):
        found += [token] if token == image_id else list(run)
    return tuple(found)


def _write(weights: Mapping[str, object], file: Path) -> None:
    """All weights in one stroke: an engine never meets half a file."""
    tensors = {name: torch.as_tensor(value).detach().cpu().contiguous() for name, value in weights.items()}
    unfinished = file.with_suffix(".new")
    try:
        save_file(tensors, unfinished)
    except OSError as error:
        raise ModelError(
            f"the weights cannot be handed to vLLM through {file.parent} ({error}); make room there"
        ) from error
    unfinished.replace(file)


def scratch_folder() -> Path:
    """A new folder in memory that other processes can read, where there is such."""
    return Path(tempfile.mkdtemp(prefix="arpo-vllm-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None))
