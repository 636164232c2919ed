"""A desktop with real applications behind the `Desktop` protocol, whatever machine it is on.

A fresh machine for every episode; its setup and its score are what a `TaskKeeper` makes of them, which for OSWorld's
tasks is OSWorld's own code. Knows no provider.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from arpo_engine.contract.actions import ENDING, Fail, SingleAction, Wait
from arpo_engine.contract.errors import DesktopLost, EvaluatorError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.desktop_client import ActionRefused, DesktopClient
from arpo_engine.desktops.machines import Address, FreshMachines, Machine, PausableMachine
from arpo_engine.desktops.pausing import Pauses
from arpo_engine.types import Observation

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 60.0
"""A policy may ask for more; nothing on a desktop takes longer."""


class TaskKeeper(Protocol):
    """Sets tasks up on a machine, and scores them there."""

    def setup(self, task: Task, address: Address, screen: tuple[int, int]) -> None:
        """Bring a fresh machine into the state in which the task begins.

        Raises:
            AssetMissing: a file of the task is not here.
            DesktopLost: the machine does not answer.
            SetupFailed: a step failed or is refused.
        """
        ...

    def score(self, task: Task, address: Address, *, failed: bool) -> float:
        """The score from 0 to 1; `failed`: the agent's last word was that the task cannot be done.

        Raises:
            DesktopLost: the machine does not answer.
            EvaluatorError: there is no score.
        """
        ...

    def close(self) -> None:
        """Give up what it holds; may be called twice."""
        ...


class RealDesktop:
    """One desktop after the other, each for one episode."""

    def __init__(
        self,
        machines: FreshMachines,
        keeper: TaskKeeper,
        *,
        request_timeout_s: float,
        pause_s: float,
        settle_s: float,
        pause_while_thinking: bool = False,
    ) -> None:
        self._machines = machines
        self._keeper = keeper
        self._request_timeout_s = request_timeout_s
        self._pause_s = pause_s
        self._settle_s = settle_s
        self._pause_while_thinking = pause_while_thinking
        self._pauses: Pauses | None = None
        self._machine: Machine | None = None
        self._client: DesktopClient | None = None
        self._task: Task | None = None
        self._screen = (0, 0)
        self._closed = False

    @property
    def machine(self) -> Machine:
        """The machine of the present episode; for tests and views, never for a policy.

        Raises:
            DesktopLost: there is none.
        """
        if self._machine is None:
            raise DesktopLost("this desktop has no machine yet; call reset(task) first")
        return self._machine

    def reset(self, task: Task) -> Observation:
        """End the machine of the last episode with everything in it, and begin on a fresh one."""
        if self._closed:
            raise DesktopLost("this desktop is closed; lease another one")
        self._let_go()
        self._machine = self._machines.take()
        self._pauses = self._pauses_of(self._machine)
        self._client = DesktopClient(self._machine, self._request_timeout_s)
        height, width = self._client.look().shape[:2]
        self._screen = (width, height)
        self._keeper.setup(task, self._machine.address, self._screen)
        self._task = task
        time.sleep(self._settle_s)
        return self._look_and_rest()

    def step(self, action: SingleAction) -> Observation:
        """Carry an action out, wait, and look. What the desktop refuses, such as an unknown key, does nothing."""
        client = self._ready_client()
        self.wake()
        if isinstance(action, Wait):
            time.sleep(min(action.seconds, LONGEST_WAIT_S))
        elif not isinstance(action, ENDING):
            try:
                client.act(action, self._screen)
            except ActionRefused as refusal:
                log.info("action refused", extra={"desktop": self.machine.name, "reason": str(refusal)})
            time.sleep(self._pause_s)
        return self._look_and_rest()

    def score(self, last_action: SingleAction | None) -> float:
        """The task's own score."""
        if self._task is None or self._machine is None:
            raise EvaluatorError("this desktop has no task to score; call reset(task) first")
        self.wake()
        # What could not be saved is scored zero, and that would teach the model that it did wrong.
        self._ready_client().has_room()
        return self._keeper.score(self._task, self._machine.address, failed=isinstance(last_action, Fail))

    def wake(self) -> None:
        """End a pause, if there is one: the desktop is asked for something, or nobody thinks about it any more."""
        if self._pauses is not None:
            self._pauses.end()

    def close(self) -> None:
        """End the machine."""
        self._closed = True
        self._let_go()

    def _look_and_rest(self) -> Observation:
        seen = Observation(pixels=self._ready_client().look())
        if self._pauses is not None:
            self._pauses.begin()
        return seen

    def _pauses_of(self, machine: Machine) -> Pauses | None:
        if not self._pause_while_thinking:
            return None
        assert isinstance(machine, PausableMachine), "a config of other machines has no such setting"
        return Pauses(machine)

    def _ready_client(self) -> DesktopClient:
        if self._client is None or self._task is None:
            raise DesktopLost("this desktop has no task; call reset(task) first")
        return self._client

    def _let_go(self) -> None:
        self._task = self._pauses = None
        client, self._client = self._client, None
        machine, self._machine = self._machine, None
        if client is not None:
            client.close()
        if machine is not None:
            machine.close()
