"""Each task's own list of actions, said as an agent's replies: proves that a task can be done, and its scoring right.

Actions stand in the task file as `oracle`, in the form of the contract's `Action`, in pixels of the screen. They pass
through the agent's words and grammar like those of any policy, so nothing else is needed to run them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from arpo_engine.agents.ui_tars import UiTarsAgent
from arpo_engine.agents.writing import write_reply
from arpo_engine.contract.actions import Action, Finished
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.inference.base import Completion, Prompt, Sampling

FIELD = "oracle"
ACTIONS: TypeAdapter[tuple[Action, ...]] = TypeAdapter(tuple[Action, ...])


class OracleGenerator:
    """Implements `Generator` without a model. Behind its last action a task's oracle says that it has finished."""

    def __init__(
        self, tasks: Iterable[Task], agent: UiTarsAgent, *, act: bool, known: Mapping[str, Any] | None = None
    ) -> None:
        self._actions = {task.id: oracle_of(task, known) if act else () for task in tasks}
        self._agent = agent
        self._turns: dict[str, int] = {}

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """The next action of the episode's task, whatever is on the screen."""
        turn = self._turns.get(prompt.episode_id, 0)
        self._turns[prompt.episode_id] = turn + 1
        actions = self._actions[prompt.task_id]
        action = actions[turn] if turn < len(actions) else Finished()
        height, width = prompt.pixels.shape[:2]
        return Completion(
            ids=(),
            logprobs=(),
            weight_version=0,
            ended=True,
            seconds=0.0,
            text=write_reply(f"step {turn + 1} of the oracle", action, self._agent.frame((width, height))),
        )

    def release(self, episode_id: str) -> None:
        """Start the episode's list over."""
        self._turns.pop(episode_id, None)

    async def push_weights(self, version: int, weights: Mapping[str, object]) -> None:
        """There are none; a run that trains is refused with its config."""

    async def close(self) -> None:
        """Nothing is held."""


def read_oracles(path: Path) -> dict[str, Any]:
    """A file of oracles: task id to list of actions.

    Raises:
        TaskError: it cannot be read, or is something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TaskError(f"the oracles {path} cannot be read: {error}; mend generator.file") from error
    if not isinstance(found, dict):
        raise TaskError(f"{path} holds no oracles; it needs a JSON object of task ids, each with its list of actions")
    return found


def oracle_of(task: Task, known: Mapping[str, Any] | None = None) -> tuple[Action, ...]:
    """The actions that solve a task: its own, or those that are known of it.

    Raises:
        TaskError: it has none, or they are not actions.
    """
    given = (task.model_extra or {}).get(FIELD, (known or {}).get(task.id))
    if given is None:
        raise TaskError(f"task {task.id} has no {FIELD!r}; add the list of its actions, or leave the task out")
    try:
        return ACTIONS.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise TaskError(f"task {task.id}: {FIELD}.{place}: {first['msg']}; mend that action") from error
