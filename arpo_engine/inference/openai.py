"""Sampling by OpenAI-compatible servers, such as vLLM's: words and screenshots go out, words come back.

Only to measure with: there are no token ids and no log-probs, so nothing that was sampled can be trained on, and no
weights are taken. Requests wait in threads; trouble that may pass is waited out here.
"""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import os
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from PIL import Image

from arpo_engine.contract.config.generators import OpenAiGeneratorConfig
from arpo_engine.contract.errors import GeneratorLost, ModelError
from arpo_engine.contract.servers import gate_in
from arpo_engine.inference.base import Completion, Prompt, Sampling, Words
from arpo_engine.inference.chat_server import ChatReply, ChatServer, ServerTrouble
from arpo_engine.types import Pixels

log = logging.getLogger(__name__)

SEEDS = 2**31
"""Some servers keep a request's seed in 32 bits."""

Message = dict[str, Any]
T = TypeVar("T")


@dataclass(slots=True)
class _Turn:
    """One look and what was said to it."""

    words: Words
    image: str
    """The screenshot as a data URL; empty once it is too old to be sent."""
    reply: str | None = None


@dataclass(slots=True)
class _Conversation:
    """One episode, at one server."""

    server: ChatServer
    turns: list[_Turn] = field(default_factory=list)


class OpenAiGenerator:
    """Implements `Generator` with servers that hold the model."""

    def __init__(self, config: OpenAiGeneratorConfig) -> None:
        key = os.environ.get(config.api_key_env)
        self.config = config
        gate = gate_in(os.environ)
        self._servers = [ChatServer(url, key=key, timeout_s=config.timeout_s, gate=gate) for url in config.base_urls]
        self._conversations: dict[str, _Conversation] = {}
        self._threads: ThreadPoolExecutor | None = ThreadPoolExecutor(
            config.max_parallel, thread_name_prefix="openai-generator"
        )

    async def check(self) -> str:
        """That every server is there and has the model, in a sentence.

        Raises:
            ModelError: one is not, with what to do.
        """
        for server in self._servers:
            try:
                known = await asyncio.to_thread(server.models)
            except ServerTrouble as error:
                raise ModelError(f"{error}; start the server, or change generator.base_urls") from error
            if known is not None and self.config.model not in known:
                raise ModelError(
                    f"{server.url} has no model {self.config.model!r}; set generator.model to one of: "
                    f"{', '.join(known)}"
                )
        return f"{len(self._servers)} server{'s' * (len(self._servers) > 1)} with the model {self.config.model}"

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Add the turn to the episode's conversation and ask for a reply; see `Generator`."""
        if self._threads is None:
            raise GeneratorLost("the generator is closed; the episode can be run again on a new one")
        conversation = self._conversations.setdefault(prompt.episode_id, _Conversation(self._server_of(prompt)))
        image = await self._in_thread(data_url, prompt.pixels)
        turn, before = _Turn(prompt.words, image), [*conversation.turns]
        conversation.turns.append(turn)
        if prompt.earlier is not None:
            conversation.turns = _in_sight(conversation.turns, len(prompt.earlier) + 1)
        request: dict[str, Any] = {
            "model": self.config.model,
            "messages": messages(conversation.turns),
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": prompt.seed % SEEDS,
        }
        started = time.monotonic()
        try:
            reply = await self._patiently(conversation.server, request)
        except asyncio.CancelledError:
            conversation.turns = before
            raise
        turn.reply = reply.text
        return Completion(
            ids=(),
            logprobs=(),
            weight_version=0,
            ended=reply.ended,
            seconds=time.monotonic() - started,
            text=reply.text,
            unlisted_tokens=reply.tokens,
        )

    def release(self, episode_id: str) -> None:
        """Forget an episode's conversation."""
        self._conversations.pop(episode_id, None)

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        """A server of somebody else's takes no weights.

        Raises:
            ModelError: always.
        """
        raise ModelError(
            "an OpenAI-compatible server takes no new weights, so it cannot be trained with; use generator.kind = hf, "
            "or only measure with kind = evaluate"
        )

    async def close(self) -> None:
        """End the requests that wait."""
        threads, self._threads = self._threads, None
        for server in self._servers:
            server.close()
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
        self._conversations = {}

    async def _patiently(self, server: ChatServer, request: dict[str, Any]) -> ChatReply:
        wait_s = self.config.retry_wait_s
        for attempt in range(self.config.retries + 1):
            try:
                return await self._in_thread(server.complete, request)
            except ServerTrouble as trouble:
                if attempt == self.config.retries:
                    raise GeneratorLost(f"{trouble} (asked {attempt + 1} times)") from trouble
                pause = wait_s if trouble.retry_after_s is None else max(wait_s, trouble.retry_after_s)
                log.info("asking again", extra={"server": server.url, "reason": str(trouble), "after_s": pause})
            await asyncio.sleep(pause)
            wait_s *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._threads is None:
            raise GeneratorLost("the generator was closed before this turn was answered")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _server_of(self, prompt: Prompt) -> ChatServer:
        """The same one for all turns of an episode, and for its retry another one perhaps."""
        return self._servers[zlib.crc32(prompt.episode_id.encode()) % len(self._servers)]


def _in_sight(turns: list[_Turn], images: int) -> list[_Turn]:
    """A context that begins anew with the newest screenshots, as `ChatFormat.window_ids` has it in tokens."""
    words = turns[-1].words
    old, kept = turns[:-images] if words.old_replies else [], turns[-images:]
    for turn in old:
        turn.image, turn.words = "", Words()
    for turn in kept:
        turn.words = Words(caption=words.caption)
    kept[0].words = Words(caption=words.first_caption)
    context = [*old, *kept]
    context[0].words = replace(context[0].words, system=words.system, user=words.user)
    return context


def messages(turns: list[_Turn]) -> list[Message]:
    """The conversation as chat completions want it; a turn whose screenshot is gone keeps its words."""
    found: list[Message] = []
    for turn in turns:
        if turn.words.system:
            found.append({"role": "system", "content": turn.words.system})
        if turn.words.user:
            found.append({"role": "user", "content": turn.words.user})
        seen: list[Message] = []
        if turn.image:
            seen.append({"type": "image_url", "image_url": {"url": turn.image}})
        if turn.words.caption:
            seen.append({"type": "text", "text": turn.words.caption})
        if seen:
            found.append({"role": "user", "content": seen})
        if turn.reply is not None:
            found.append({"role": "assistant", "content": turn.reply})
    return found


def data_url(pixels: Pixels) -> str:
    """A screenshot as `data:image/png;base64,…`, nothing lost."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
