"""An agent is a prompt and a grammar: what is said before the first screenshot, and how a reply becomes an action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from arpo_engine.contract.actions import Action


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

    def caption(self, instruction: str) -> str:
        """Words that stand beside every screenshot; empty where the opening alone tells the task."""
        ...

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        """Read a reply; `screen` is (width, height) of the desktop.

        Raises:
            ActionUnreadable: the text is not in the grammar. It is never executed, evaluated or guessed at.
        """
        ...
