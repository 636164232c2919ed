"""A generator that says what it was told to: for tests of everything that lies round one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.models.chat import ChatFormat

Script = Callable[[str, int], str]
"""Episode id and turn (from 0) to the reply's text."""


class ScriptedGenerator:
    """Implements `Generator`; every reply has log-prob 0, as there was no choice."""

    def __init__(self, chat: ChatFormat, script: Script) -> None:
        self._chat = chat
        self._script = script
        self._turns: dict[str, int] = {}
        self.version = 0

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """The script's next reply, cut off at `max_new_tokens` as a sampled one would be."""
        turn = self._turns.get(prompt.episode_id, 0)
        self._turns[prompt.episode_id] = turn + 1
        whole = self._chat.reply_ids(self._script(prompt.episode_id, turn))
        ids = whole[: sampling.max_new_tokens]
        return Completion(
            ids=ids,
            logprobs=(0.0,) * len(ids),
            weight_version=self.version,
            ended=len(ids) == len(whole),
            seconds=0.0,
        )

    def release(self, episode_id: str) -> None:
        """Start the episode's script over."""
        self._turns.pop(episode_id, None)

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        """Only the version is of use here."""
        self.version = version

    async def close(self) -> None:
        """Nothing is held."""
