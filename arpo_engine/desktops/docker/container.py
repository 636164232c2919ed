"""A container with a desktop in it: paused and woken, and removed once. Knows no image and no way in."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import DockerApi, explained, is_running_already
from arpo_engine.desktops.docker.reaper import remove
from arpo_engine.desktops.machines import Address

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ContainerMachine:
    """What `Machine` and `PausableMachine` ask for, but for `gone`, which each image is asked in its own way."""

    name: str
    address: Address
    api: DockerApi
    container: str
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def pause(self) -> None:
        """Freeze every process in it."""
        with explained(f"pausing the container {self.name}"):
            self.api.pause(self.container)

    def wake(self) -> None:
        """Let them go on; one that goes on already is fine."""
        with explained(f"waking the container {self.name}"):
            try:
                self.api.unpause(self.container)
            except Exception as error:
                if not is_running_already(error):
                    raise

    def close(self) -> None:
        """Have the container removed while others go on; the process does not end before that is done."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._let_go()
        threading.Thread(target=self._remove, name=f"remove-{self.name}").start()

    def _let_go(self) -> None:
        """What is given up before the container is removed."""

    def _remove(self) -> None:
        try:
            remove(self.api, self.container)
        except DesktopLost as error:
            log.warning("a container could not be removed", extra={"desktop": self.name, "reason": str(error)})
