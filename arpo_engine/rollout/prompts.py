"""What an episode's next turn adds to its context, and how much of the past stays in sight.

With the whole history a turn continues the context. With a window of n screenshots the context begins anew with every
turn from the n-th on, and the turn says so (`Step.window`), so that it is trained on in the form it was sampled in.
Knows words and ids; knows no desktops and no generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from arpo_engine.agents.base import Agent
from arpo_engine.inference.base import Prompt, Words
from arpo_engine.models.chat import ChatFormat, PastTurn
from arpo_engine.rollout.plans import Plan, seed_of
from arpo_engine.types import Observation, Pixels, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How much of an episode its policy sees. The default is everything."""

    images: int | None = None
    """Newest screenshots in a context, the present one among them; None: all."""
    old_replies: bool = True
    """Whether replies stay when their screenshots have left; otherwise the agent tells them in its caption."""


def next_prompt(
    agent: Agent, chat: ChatFormat | None, history: History, plan: Plan, steps: Sequence[Step], seen: Observation
) -> Prompt:
    """The prompt of the turn after `steps`; in words alone without a `chat` format."""
    index, instruction, earlier = len(steps), plan.task.instruction, None
    words = Words(caption=agent.caption(instruction))
    if history.images is not None and index >= history.images:
        first = index + 1 - history.images
        earlier = tuple(step.pixels for step in steps[first:])
        done = [step.thought for step in steps[:first]]
        words = replace(
            _opening(agent, instruction, words.caption),
            first_caption=agent.caption(instruction, done),
            old_replies=history.old_replies,
        )
    elif not index:
        words = _opening(agent, instruction, agent.caption(instruction, ()))
    return Prompt(
        episode_id=plan.episode_id,
        task_id=plan.task.id,
        new_ids=_ids(chat, history, words, steps, seen, earlier) if chat is not None else (),
        pixels=seen.pixels,
        words=words,
        seed=seed_of(plan.seed, "turn", index),
        earlier=earlier,
    )


def _opening(agent: Agent, instruction: str, caption: str) -> Words:
    return Words(system=agent.system_prompt(), user=agent.user_prompt(instruction), caption=caption)


def _ids(
    chat: ChatFormat,
    history: History,
    words: Words,
    steps: Sequence[Step],
    seen: Observation,
    earlier: Sequence[Pixels] | None,
) -> tuple[int, ...]:
    size = _size(seen.pixels)
    if earlier is not None:
        past = _past(steps, len(steps) - len(earlier), history)
        return chat.window_ids(words.system, words.user, past, size, captions=(words.first_caption, words.caption))
    if steps:
        return tuple(chat.turn_ids(size, words.caption))
    return tuple(chat.opening_ids(words.system, words.user, size, words.caption))


def _past(steps: Sequence[Step], first: int, history: History) -> list[PastTurn]:
    """The turns of a context: those from `first` on with their screenshots, older ones without or not at all."""
    old = [PastTurn(reply_ids=step.reply_ids) for step in steps[:first]] if history.old_replies else []
    return [*old, *(PastTurn(reply_ids=step.reply_ids, size=_size(step.pixels)) for step in steps[first:])]


def _size(pixels: Pixels) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    return width, height
