"""An agent is a prompt and a grammar: what is said before the first screenshot, and how a reply becomes an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from arpo_engine.contract.actions import Action, Several, SingleAction
from arpo_engine.contract.errors import ActionUnreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply that could be read. Coordinates of the action are pixels of the desktop's screen."""

    thought: str
    action: Action


class Agent(Protocol):
    """Knows words, no tokens and no desktops."""

    def system_prompt(self) -> str:
        """The system turn."""
        ...

    def user_prompt(self, instruction: str) -> str:
        """The user turn that comes before the first screenshot; empty where there is none."""
        ...

    def caption(self, instruction: str, done: Sequence[str] | None = None) -> str:
        """Words that stand beside a screenshot; empty where the opening alone tells the task.

        `done` is given for the first screenshot of a context: the thoughts of the turns that the context leaves out,
        the oldest first. It is None for the screenshots that follow.
        """
        ...

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        """Read a reply; `screen` is (width, height) of the desktop.

        Raises:
            ActionUnreadable: the text is not in the grammar. It is never executed, evaluated or guessed at.
        """
        ...


def one_action(actions: Sequence[SingleAction], most: int) -> Action:
    """The actions of a reply as one.

    Raises:
        ActionUnreadable: a reply may hold at most `most` of them (the setting agent.actions_per_reply).
    """
    if len(actions) > most:
        raise ActionUnreadable(
            f"the reply holds {len(actions)} actions, and agent.actions_per_reply = {most} lets a reply hold "
            f"{'one action only' if most == 1 else 'no more than that'}"
        )
    return actions[0] if len(actions) == 1 else Several(actions=tuple(actions))
