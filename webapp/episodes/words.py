"""Episodes, actions and outcomes in words and icons. Knows the wire's vocabulary and rows; knows no HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from arpo_engine.contract.outcomes import EndedBy, is_solved
from webapp.episodes.models import Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an episode went: a word, an icon and a tone (`good`, `warn`, `bad`, `accent` or plain)."""

    word: str
    icon: str
    tone: str


def outcome_of(episode: Episode) -> Outcome:
    """The outcome as everybody should read it; a fault is no failure of the agent."""
    if not episode.ended_by:
        return Outcome(word="under way", icon="running", tone="accent")
    if episode.fault:
        return Outcome(word=episode.fault.replace("_", " "), icon="warning", tone="warn")
    if episode.score is None:
        return Outcome(word=episode.ended_by.replace("_", " "), icon="stopped", tone="")
    if is_solved(episode.score):
        word = "solved" if episode.score >= 1 else f"solved ({episode.score:g})"
        return Outcome(word=word, icon="check", tone="good")
    if episode.score > 0:
        return Outcome(word=f"partly ({episode.score:g})", icon="finished", tone="warn")
    return Outcome(word="not solved", icon="cross", tone="bad")


ENDINGS = {
    EndedBy.FINISHED: "the agent said it was done",
    EndedBy.FAILED_BY_AGENT: "the agent said it cannot be done",
    EndedBy.OUT_OF_STEPS: "it ran out of steps",
    EndedBy.UNREADABLE_REPLY: "a reply could not be read",
    EndedBy.CONTEXT_FULL: "the context was full",
    EndedBy.CANCELLED: "it was cancelled",
    EndedBy.FAULT: "something around the agent broke",
}


def ending_of(episode: Episode) -> str:
    """Why it ended, in a clause."""
    return next((words for word, words in ENDINGS.items() if word == episode.ended_by), "")


def action_icon(action: dict[str, Any] | None) -> str:
    """The icon of an action's kind."""
    icons = {"hotkey": "keyboard", "finished": "finished", "fail": "failed", "move": "click", "drag_to": "drag"}
    if action is None:
        return "lost"
    kind = str(action.get("kind", ""))
    if kind == "several":
        return action_icon(action["actions"][0])
    return icons.get(kind, kind if kind in ("click", "drag", "scroll", "type", "wait") else "info")
