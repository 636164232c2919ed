"""Sampling with transformers' weights in the learner's own process: made for a CPU and a small model.

Whichever episodes are waiting are answered together. An episode's keys and values are kept from turn to turn, so a turn
costs its own tokens only; new weights make them stale, and the context is then read again from its ids.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from arpo_engine.contract.config.generators import HfGeneratorConfig
from arpo_engine.contract.errors import ContextFull, GeneratorLost, ModelError
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.inference.sampling import Drawer, uniforms
from arpo_engine.models import language
from arpo_engine.models.contexts import frame_key
from arpo_engine.models.policy import Policy
from arpo_engine.models.positions import Ids, mrope_positions
from arpo_engine.types import Pixels

REMEMBERED_FRAMES = 4096


@dataclass(slots=True)
class _Context:
    """Everything an episode has read and said so far, and what of it is in the cache."""

    ids: list[int] = field(default_factory=list)
    frames: list[tuple[bytes, Pixels]] = field(default_factory=list)
    grids: list[tuple[int, int]] = field(default_factory=list)
    cached: int = 0
    """Leading ids whose keys and values are kept."""
    cached_frames: int = 0
    position: int = 0
    """Rotary position of the first id that is not cached."""
    pushes: int = 0
    """How often weights had been pushed when it was cached."""
    kept: list[Tensor] = field(default_factory=list)
    """Keys and values [layers, 2, length, heads, head size] of the cached ids, a piece a turn."""

    def copy(self) -> _Context:
        """One that goes on by itself; what both hold is never changed in place."""
        return replace(self, ids=[*self.ids], frames=[*self.frames], grids=[*self.grids], kept=[*self.kept])

    def forget(self) -> None:
        """Drop what belongs to older weights; ids and screenshots stay."""
        self.cached = self.cached_frames = self.position = 0
        self.kept = []

    def begin_anew(self) -> None:
        """Drop everything: another context follows."""
        self.forget()
        self.ids, self.frames, self.grids = [], [], []


@dataclass(slots=True)
class _Waiting:
    """One turn that waits for its reply."""

    prompt: Prompt
    sampling: Sampling
    context: _Context
    answer: asyncio.Future[Completion]


class HfGenerator:
    """Implements `Generator` for a `Policy` that may be the learner's own."""

    def __init__(self, policy: Policy, config: HfGeneratorConfig) -> None:
        if not policy.fits_fast_pass:
            raise ModelError(
                "this model has sliding-window attention or a scaled rotary embedding, which the hf generator does not "
                "sample with; use another generator"
            )
        self.policy = policy
        self.config = config
        self.version = 0
        self._contexts: dict[str, _Context] = {}
        self._tokens = self._kept = self._pushes = 0
        self._waiting: list[_Waiting] = []
        self._flushing: asyncio.Task[None] | None = None
        self._features: OrderedDict[bytes, Tensor] = OrderedDict()
        # One thread: sampling leaves the event loop free for the desktops, and weights never change under a batch.
        self._thread: ThreadPoolExecutor | None = ThreadPoolExecutor(1, thread_name_prefix="hf-generator")

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Append the turn to the episode's context and sample a reply; see `Generator`."""
        if self._thread is None:
            raise GeneratorLost("the generator is closed; the episode can be run again on a new one")
        context = self._contexts.setdefault(prompt.episode_id, _Context())
        read = len(context.ids) if prompt.earlier is None else 0
        needed = read + len(prompt.new_ids) + sampling.max_new_tokens
        if needed > self.policy.context_length:
            raise ContextFull(
                f"episode {prompt.episode_id} needs {needed} tokens, the model's context holds "
                f"{self.policy.context_length}; lower rollout.max_steps"
            )
        # The turn is made on a copy, so that one that nobody waits for any more leaves nothing behind.
        after = context.copy()
        answer: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(prompt, sampling, after, answer))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush(self._thread))
        completion = await answer
        if prompt.episode_id in self._contexts:
            self._contexts[prompt.episode_id] = after
        return completion

    def release(self, episode_id: str) -> None:
        """Forget an episode's context."""
        self._contexts.pop(episode_id, None)

    def take_reuse(self) -> float:
        """Share of the contexts' tokens whose keys and values were kept from an earlier turn, since last asked."""
        share = self._kept / max(1, self._tokens)
        self._tokens = self._kept = 0
        return share

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        """Sample with `weights` from now on; tensors that are the policy's own need no copy."""
        if self._thread is None:
            raise GeneratorLost("the generator is closed and takes no weights; make a new one")
        await asyncio.get_running_loop().run_in_executor(self._thread, self._take, version, weights)

    async def close(self) -> None:
        """Give up the model; waiting turns are lost."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.shutdown)
        for item in self._waiting:
            if not item.answer.done():
                item.answer.set_exception(GeneratorLost("the generator was closed before this turn was answered"))
        self._waiting, self._contexts = [], {}
        self._features.clear()

    async def _flush(self, thread: ThreadPoolExecutor) -> None:
        """Answer everything that waits, in batches, until nothing does."""
        await asyncio.sleep(self.config.gather_ms / 1000)
        while self._waiting:
            batch = self._waiting[: self.config.max_batch]
            del self._waiting[: len(batch)]
            try:
                done = await asyncio.get_running_loop().run_in_executor(thread, self._answer, batch)
            # Each of the episodes raises what was met here; this task has nobody who would.
            except Exception as error:  # noqa: BLE001
                for item in batch:
                    if not item.answer.done():
                        item.answer.set_exception(error)
                continue
            for item, completion in zip(batch, done, strict=True):
                if not item.answer.done():
                    item.answer.set_result(completion)
            await asyncio.sleep(0)

    def _take(self, version: int, weights: Mapping[str, object]) -> None:
        own = self.policy.weights()
        unknown = sorted(set(weights) - set(own))
        if unknown:
            raise ModelError(f"the model has no weight {unknown[0]!r}; push parameters by their Hugging Face names")
        with torch.no_grad():
            for name, value in weights.items():
                tensor = torch.as_tensor(value)
                if tensor.data_ptr() != own[name].data_ptr():
                    own[name].copy_(tensor)
        self.version = version
        self._pushes += 1
        self._features.clear()
        for context in self._contexts.values():
            context.forget()

    @torch.inference_mode()
    def _answer(self, batch: Sequence[_Waiting]) -> list[Completion]:
        started = time.perf_counter()
        for item in batch:
            self._append(item)
            self._tokens += len(item.context.ids)
            self._kept += item.context.cached
        decoder = _Decoder(self.policy, [item.context for item in batch], self._seen(batch), self._most_new(batch))
        numbers = [uniforms(item.prompt.seed, decoder.most_new) for item in batch]
        drawer = Drawer([item.sampling for item in batch], numbers, self.policy.device)
        replies = decoder.run(drawer, [item.sampling.max_new_tokens for item in batch])
        decoder.keep()
        seconds = time.perf_counter() - started
        completions = []
        for item, (ids, logprobs) in zip(batch, replies, strict=True):
            item.context.ids += ids
            ended = ids[-1] == self.policy.chat.end_id
            completions.append(
                Completion(
                    ids=tuple(ids),
                    logprobs=tuple(logprobs),
                    weight_version=self.version,
                    ended=ended,
                    seconds=seconds,
                )
            )
        return completions

    def _append(self, item: _Waiting) -> None:
        context, prompt = item.context, item.prompt
        if context.pushes != self._pushes:  # the weights came while it waited
            context.forget()
            context.pushes = self._pushes
        if prompt.earlier is not None:
            context.begin_anew()
        context.ids += prompt.new_ids
        for pixels in (*(prompt.earlier or ()), prompt.pixels):
            height, width = pixels.shape[:2]
            context.frames.append((frame_key(pixels), pixels))
            context.grids.append(self.policy.chat.patches.grid(width, height))

    def _most_new(self, batch: Sequence[_Waiting]) -> int:
        return max(item.sampling.max_new_tokens for item in batch)

    def _seen(self, batch: Sequence[_Waiting]) -> Tensor:
        """Visual tokens of every screenshot that is not cached yet, in reading order of the batch."""
        wanted = [frame for item in batch for frame in item.context.frames[item.context.cached_frames :]]
        fresh = {key: pixels for key, pixels in wanted if key not in self._features}
        self._features.update(zip(fresh, self.policy.encode_frames(list(fresh.values())), strict=True))
        for key, _ in wanted:
            self._features.move_to_end(key)
        seen = torch.cat([self._features[key] for key, _ in wanted])
        while len(self._features) > REMEMBERED_FRAMES:
            self._features.popitem(last=False)
        return seen


class _Decoder:
    """One batch: loads what is cached, reads what is new, samples replies token by token."""

    def __init__(self, policy: Policy, contexts: Sequence[_Context], seen: Tensor, most_new: int) -> None:
        self.policy, self.contexts, self.seen, self.most_new = policy, contexts, seen, most_new
        self.new = [context.ids[context.cached :] for context in contexts]
        self.longest = max(map(len, self.new))
        columns = max(context.cached for context in contexts) + self.longest + most_new
        config = policy.language.config
        self.cache = language.KeyValues(config, len(contexts), columns, policy.module.lm_head.weight)
        for row, context in enumerate(contexts):
            at = 0
            for piece in context.kept:
                self.cache.data[:, :, row, at : at + piece.shape[2]] = piece
                at += piece.shape[2]
        self.following = torch.zeros(len(contexts), dtype=torch.long, device=policy.device)
        self.columns = torch.zeros(len(contexts), dtype=torch.long, device=policy.device)
        self.written = [0] * len(contexts)

    def run(self, drawer: Drawer, limits: Sequence[int]) -> list[tuple[list[int], list[float]]]:
        """Sampled ids and log-probs of every row."""
        replies: list[tuple[list[int], list[float]]] = [([], []) for _ in self.contexts]
        open_rows = set(range(len(self.contexts)))
        hidden = self._read()
        for turn in range(self.most_new):
            tokens, logprobs = drawer.draw(self.policy.logits(hidden), turn)
            drawn, chances = tokens.tolist(), logprobs.tolist()
            for row in sorted(open_rows):
                replies[row][0].append(drawn[row])
                replies[row][1].append(chances[row])
                if drawn[row] == self.policy.chat.end_id or turn + 1 == limits[row]:
                    open_rows.discard(row)
            if not open_rows:
                break
            for row in open_rows:
                self.written[row] += 1
            hidden = self._step(tokens)
        return replies

    def keep(self) -> None:
        """Leave the new keys and values with their contexts. The last sampled token was never read, so it is not kept;
        it is read with the next turn."""
        for row, context in enumerate(self.contexts):
            end = context.cached + len(self.new[row]) + self.written[row]
            context.kept.append(self.cache.data[:, :, row, context.cached : end].clone())
            context.position = self.starts[row] + self.written[row]
            context.cached = end
            context.cached_frames = len(context.frames)

    def _read(self) -> Tensor:
        """Hidden states [B, H] after the new ids of every row."""
        rows, device = len(self.contexts), self.policy.device
        ids = np.full((rows, self.longest), self.policy.chat.end_id, dtype=np.int64)
        positions = np.zeros((3, rows, self.longest), dtype=np.int64)
        self.starts: list[int] = []
        for row, (context, new) in enumerate(zip(self.contexts, self.new, strict=True)):
            placed, following = self._positions(context, new)
            ids[row, : len(new)], positions[:, row, : len(new)] = new, placed
            self.starts.append(following)
        lengths = torch.tensor([len(new) for new in self.new], device=device)
        cached = torch.tensor([context.cached for context in self.contexts], device=device)
        columns = cached[:, None] + torch.arange(self.longest, device=device)
        ids_BL = torch.from_numpy(ids).to(device)
        self.following = torch.tensor(self.starts, device=device)
        self.columns = cached + lengths
        return language.forward(
            self.policy.language,
            self.policy.embed(ids_BL, self.seen),
            torch.from_numpy(positions).to(device),
            (lengths - 1)[:, None],
            language.Memory(cache=self.cache, columns=columns),
            self.policy.deepstack(ids_BL, self.seen),
        )[:, 0]

    def _positions(self, context: _Context, new: Sequence[int]) -> tuple[Ids, int]:
        grids = context.grids[context.cached_frames :]
        return mrope_positions(new, grids, self.policy.chat.image_id, context.position)

    def _step(self, tokens: Tensor) -> Tensor:
        """Hidden states [B, H] after one more token of every row."""
        embedded = self.policy.module.get_input_embeddings()(tokens)[:, None]
        positions = self.following.expand(3, -1)[..., None]
        memory = language.Memory(cache=self.cache, columns=self.columns[:, None])
        hidden = language.forward(self.policy.language, embedded, positions, None, memory)[:, 0]
        self.following, self.columns = self.following + 1, self.columns + 1
        return hidden
