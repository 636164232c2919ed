"""Keeps tasks that are set up and scored by one command each: for tests of desktops, which need no more."""

from __future__ import annotations

from arpo_engine.contract.errors import EvaluatorError, SetupFailed
from arpo_engine.contract.tasks import Evaluator, SetupStep, Task
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Address


class PlainKeeper:
    """Implements `TaskKeeper`."""

    def setup(self, task: Task, address: Address, screen: tuple[int, int]) -> None:
        client = DesktopClient(_Known(address), 30.0)
        for step in task.config:
            if step.type != "execute":
                raise SetupFailed(f"there is no setup step {step.type} here")
            client.post("/setup/execute", step.parameters)

    def score(self, task: Task, address: Address, *, failed: bool) -> float:
        if task.infeasible or failed:
            return float(task.infeasible and failed)
        if task.evaluator.func != "says":
            raise EvaluatorError(f"there is no evaluator {task.evaluator.func} here")
        assert isinstance(task.evaluator.result, dict)
        asked = {"command": task.evaluator.result["command"], "shell": True}
        said = DesktopClient(_Known(address), 30.0).post("/execute", asked)["output"]
        return float(said.strip() == task.evaluator.result["says"])

    def close(self) -> None:
        """Holds nothing."""


class _Known:
    """A machine of which only the address is known."""

    name = "a desktop"

    def __init__(self, address: Address) -> None:
        self.address = address

    def gone(self) -> str:
        return ""

    def close(self) -> None:
        """Somebody else's."""


def a_task(*commands: str, name: str = "a-task", says: str = "done", by: str = "cat ~/answer.txt") -> Task:
    return Task(
        id=name,
        instruction="Do what is to be done",
        config=[SetupStep(type="execute", parameters={"command": command, "shell": True}) for command in commands],
        evaluator=Evaluator(func="says", result={"command": by, "says": says}),
    )
