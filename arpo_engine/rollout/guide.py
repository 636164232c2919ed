"""Who decides what comes next in an episode: its agent alone, or a person beside it, who is asked between two turns.

Knows the course of an episode; knows no lease, no generator and no console.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from typing import Protocol

from arpo_engine.contract.actions import Action, SingleAction
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.inference.base import Completion
from arpo_engine.rollout.plans import Plan, seed_of
from arpo_engine.types import Observation, Pixels, Step


@dataclass(slots=True)
class Course:
    """What has happened so far; it outlives an exception, so that a lost episode still tells how far it came."""

    plan: Plan
    """As it is followed now; a person may give other words than it began with."""
    steps: list[Step] = field(default_factory=list)
    """Turns of the agent; what people did by hand is not among them."""
    told: int = 0
    """Steps that were told, people's among them."""
    actions: int = 0
    """Of the agent, carried out or tried, since it was told what to do; a reply may hold several."""
    last_action: SingleAction | None = None
    format_reward: float = 0.0
    seen: Observation | None = None
    """What the desktop shows now."""
    last_seen: Pixels | None = None
    forgotten: int = 0
    """Leading steps that the agent does not know of any more: it was told something else since."""
    begins_anew: bool = False
    """The next turn begins a context; what the generator kept of this episode is to be dropped."""
    note: str = ""
    """Why a person ended it, for the record."""

    @property
    def in_sight(self) -> list[Step]:
        """The turns that the agent's next prompt may tell of."""
        return self.steps[self.forgotten :]

    def instruct(self, text: str) -> None:
        """Other words from the next turn on, in a context of their own; the task's evaluator then judges nothing."""
        own = text == self.plan.task.instruction
        task = self.plan.task.model_copy(update={"instruction": text})
        seed = seed_of(self.plan.seed, "instruct", self.told)
        self.plan = replace(self.plan, task=task, seed=seed, judged=self.plan.judged and own)
        self.forgotten = len(self.steps)
        self.actions = 0
        self.begins_anew = True


class Hands(Protocol):
    """What a guide can do to the episode's desktop."""

    async def act(self, action: Action, by: str) -> None:
        """Carry a person's action out, and tell it as a step of theirs.

        Raises:
            DesktopLost: the desktop is gone; the episode ends with that fault.
        """
        ...

    async def look(self) -> bool:
        """Look again and do nothing; whether the screen changed.

        Raises:
            DesktopLost: the desktop is gone.
        """
        ...


class Guide(Protocol):
    """Asked by an episode wherever somebody else could have a say."""

    async def between(self, course: Course, ended: EndedBy | None, hands: Hands) -> EndedBy | None:
        """Before each turn of the agent, and when it cannot go on (`ended`): how the episode ends; None: another turn.

        The time that this takes is not the episode's own.
        """
        ...

    async def heard(self, reply: Awaitable[Completion]) -> Completion | None:
        """Wait for a reply; None: it was dropped, nothing of it happens, and `between` is asked next."""
        ...


class Unguided:
    """Implements `Guide`: the agent has the desktop to itself, and nothing goes on after its end."""

    async def between(self, course: Course, ended: EndedBy | None, hands: Hands) -> EndedBy | None:
        """At once."""
        return ended

    async def heard(self, reply: Awaitable[Completion]) -> Completion | None:
        """Whatever comes."""
        return await reply
