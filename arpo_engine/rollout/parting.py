"""How the episodes of a try-out part: why an agent cannot go on, why an episode is over, and what follows, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.contract.tryouts import Restart
from arpo_engine.rollout.plans import Plan

HELD = {
    EndedBy.OUT_OF_STEPS: "the agent has taken all the actions that it may take (tryout.max_steps); give it another "
    "instruction, go on by hand, finish, or restart",
    EndedBy.CONTEXT_FULL: "the agent's context is full; give it another instruction, which begins a new one, go on by "
    "hand, finish, or restart",
    EndedBy.UNREADABLE_REPLY: "the agent's reply could not be read, and nothing was done; step asks for another one",
}
"""Why the agent cannot go on, where a person still can."""
UNJUDGED = "the agent followed other words than the task's own, so there is nothing to judge it by"
SAID = {
    EndedBy.FINISHED: "the agent said that it is done",
    EndedBy.FAILED_BY_AGENT: "the agent said that it cannot be done",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Why an episode that was directed is over, and what follows."""

    kind: Literal["again", "finished", "idle", "stopped"]
    by: str = ""
    task_id: str = ""
    """For `again`: another task; empty: the same one."""
    instruction: str = ""
    """For `again`: what its agent is told; empty: the task's own words."""


def again(said: Restart, plan: Plan) -> Parting:
    """Another episode after one that followed this plan to its end."""
    instruction = said.instruction
    if instruction is None:
        same = said.task in ("", plan.task.id)
        instruction = plan.task.instruction if same and not plan.judged else ""
    return Parting(kind="again", by=said.by, task_id=said.task, instruction=instruction)


def idle_words(idle_s: float) -> str:
    """Why a try-out ended by itself."""
    return f"nobody directed it for tryout.idle_s = {idle_s:g} s, so it ended and its desktop is free"
