"""Keeps tasks by OSWorld's own code, so that a score here is a score there. Knows where that code and its files are.

One process of that code for one process of desktops; it is started when the first task comes.
"""

from __future__ import annotations

import logging

from arpo_engine.contract.errors import SetupFailed, TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.machines import Address
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import scoring_home
from arpo_engine.tasks.osworld.scoring import FAIL, DesktopAddress, ScoringLimits, ScoringProcess
from arpo_engine.tasks.places import asset_folder, is_offline

log = logging.getLogger(__name__)


class OsworldKeeper:
    """Implements `TaskKeeper`."""

    def __init__(self, limits: ScoringLimits | None = None) -> None:
        self._limits = limits
        self._process: ScoringProcess | None = None
        self._screen = (0, 0)

    def setup(self, task: Task, address: Address, screen: tuple[int, int]) -> None:
        """See `TaskKeeper.setup`; what OSWorld's code noted and went on from is logged."""
        self._screen = screen
        try:
            process = self._started()
        except TaskError as error:
            raise SetupFailed(str(error)) from error
        for note in process.setup(task, self._told(address)):
            log.warning("osworld setup", extra={"task_id": task.id, "note": note})

    def score(self, task: Task, address: Address, *, failed: bool) -> float:
        """See `TaskKeeper.score`."""
        return self._started().evaluate(task, self._told(address), FAIL if failed else None)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def _started(self) -> ScoringProcess:
        if self._process is None:
            self._process = ScoringProcess(
                scoring_home(), AssetCache(asset_folder(), offline=is_offline()), self._limits
            )
        return self._process

    def _told(self, address: Address) -> DesktopAddress:
        return DesktopAddress(
            host=address.host,
            server_port=address.server_port,
            chromium_port=address.chromium_port,
            vlc_port=address.vlc_port,
            screen=self._screen,
            headers={"Authorization": f"Bearer {address.token}"} if address.token else {},
        )
