"""What of a trajectory is learnt from: cut where it is too long, tokenised again where the config asks for it.

Knows ids; knows no weights.
"""

from __future__ import annotations

from dataclasses import replace

from arpo_engine.agents.box_tokens import with_box_tokens
from arpo_engine.contract.config import GrpoConfig
from arpo_engine.models.chat import ChatFormat
from arpo_engine.types import Member, Trajectory


def shaped(member: Member, config: GrpoConfig, chat: ChatFormat) -> Member:
    """The member as it is learnt from; itself where nothing has to change."""
    trajectory = member.trajectory
    if config.retokenise:
        trajectory = retokenised(trajectory, chat)
    if config.max_learnt_tokens is not None:
        trajectory = cut(trajectory, config.max_learnt_tokens)
    return member if trajectory is member.trajectory else replace(member, trajectory=trajectory)


def cut(trajectory: Trajectory, most: int) -> Trajectory:
    """The first turns whose samples fit into `most` tokens (prompts and screenshots among them), each turn whole.

    A turn that continues its context makes the sample longer; one that was seen through a window begins a sample of its
    own, so that what counts is the longest of them and not their sum. Nothing follows a turn that does not fit: later
    windows hold its screenshot.
    """
    length = 0
    for place, step in enumerate(trajectory.steps):
        if step.window is not None:
            length = 0
        length += len(step.prompt_ids) + len(step.reply_ids)
        if length > most:
            return replace(trajectory, steps=trajectory.steps[:place])
    return trajectory


def retokenised(trajectory: Trajectory, chat: ChatFormat) -> Trajectory:
    """Each reply as the ids of its text, as the published code has it: decoded without special tokens, those round
    places written anew. Their log-probs are not known, so that they are NaN until recomputed.
    """
    steps = []
    for step in trajectory.steps:
        ids = chat.reply_ids(with_box_tokens(chat.decode(step.reply_ids, special=False)))
        steps.append(replace(step, reply_ids=ids, reply_logprobs=(float("nan"),) * len(ids)))
    return replace(trajectory, steps=tuple(steps))
