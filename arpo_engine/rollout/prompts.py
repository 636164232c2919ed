"""What an episode's next turn adds to its context, and how much of the past stays in sight.

With the whole history a turn continues the context. With a window of n screenshots the context begins anew with every
turn from the n-th on, and the turn says so (`Step.window`), so that it is trained on in the form it was sampled in.
Knows words and ids; knows no desktops and no generator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arpo_engine.agents.base import Agent
from arpo_engine.inference.base import Prompt
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
    agent: Agent, chat: ChatFormat, history: History, plan: Plan, steps: Sequence[Step], seen: Observation
) -> Prompt:
    """The prompt of the turn after `steps`."""
    index, size = len(steps), _size(seen.pixels)
    instruction, earlier = plan.task.instruction, None
    if history.images is not None and index >= history.images:
        first = index + 1 - history.images
        earlier = tuple(step.pixels for step in steps[first:])
        done = [step.thought for step in steps[:first]]
        ids = chat.window_ids(
            agent.system_prompt(),
            agent.user_prompt(instruction),
            _past(steps, first, history),
            size,
            captions=(agent.caption(instruction, done), agent.caption(instruction)),
        )
    elif index:
        ids = chat.turn_ids(size, agent.caption(instruction))
    else:
        words = agent.user_prompt(instruction)
        ids = chat.opening_ids(agent.system_prompt(), words, size, agent.caption(instruction, ()))
    return Prompt(
        episode_id=plan.episode_id,
        new_ids=tuple(ids),
        pixels=seen.pixels,
        seed=seed_of(plan.seed, "turn", index),
        earlier=earlier,
    )


def _past(steps: Sequence[Step], first: int, history: History) -> list[PastTurn]:
    """The turns of a context: those from `first` on with their screenshots, older ones without or not at all."""
    old = [PastTurn(reply_ids=step.reply_ids) for step in steps[:first]] if history.old_replies else []
    return [*old, *(PastTurn(reply_ids=step.reply_ids, size=_size(step.pixels)) for step in steps[first:])]


def _size(pixels: Pixels) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    return width, height
