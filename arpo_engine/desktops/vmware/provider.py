"""Leads virtual machines of VMware back to a snapshot for every episode.

A machine is in the hands of one process at a time: whoever holds the lock on the file beside its `.vmx`. The kernel
lets go of it when that process dies, so the next one finds the machine free, and reverts it whatever state it is in.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from arpo_engine.contract.config.containers import VmwareDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.machines import Address
from arpo_engine.desktops.vmware.vmrun import Vmrun
from arpo_engine.desktops.waiting import wait_until

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LOOK_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 60.0
LIST_TIMEOUT_S = 30.0
PAUSE_TIMEOUT_S = 30.0
SERVER_PORT = 5000


@dataclass(slots=True)
class VmwareMachine:
    """Implements `Machine` and `PausableMachine`."""

    name: str
    address: Address
    file: Path
    vmrun: Vmrun
    lock: int
    _paused: bool = False
    _closing: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def gone(self) -> str:
        """Whether VMware still lists it."""
        try:
            running = self.vmrun.running(LIST_TIMEOUT_S)
        except DesktopLost as error:
            return str(error)
        return "" if str(self.file) in running else f"{self.file.name} does not run any more"

    def pause(self) -> None:
        """Freeze the virtual machine."""
        self._paused = True
        self.vmrun.pause(self.file, PAUSE_TIMEOUT_S)

    def wake(self) -> None:
        """Let it go on."""
        self.vmrun.unpause(self.file, PAUSE_TIMEOUT_S)
        self._paused = False

    def close(self) -> None:
        """Switch it off, and let somebody else have it."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if self._paused:
            # What VMware does to a paused machine that is switched off is not known here, so it never has to.
            with contextlib.suppress(DesktopLost):
                self.wake()
        _switch_off(self.vmrun, self.file)
        os.close(self.lock)


class VmwareProvider:
    """Implements `Provider`."""

    def __init__(self, config: VmwareDesktopsConfig) -> None:
        self._config = config
        self._vmrun = Vmrun(config.vmrun)
        self._files = [_machine_file(given) for given in config.machines]

    def start(self) -> VmwareMachine:
        """A machine in its snapshot that sends pictures; see `Provider.start`."""
        config = self._config
        deadline = time.monotonic() + config.start_timeout_s
        file, lock = self._take()
        with contextlib.ExitStack() as undone:
            undone.callback(os.close, lock)
            self._vmrun.revert(file, config.snapshot, _left(deadline))
            self._vmrun.start(file, headless=config.headless, timeout_s=_left(deadline))
            undone.callback(_switch_off, self._vmrun, file)
            host = self._vmrun.ip_address(file, _left(deadline))
            address = Address(host=host, server_port=SERVER_PORT, typed=False)
            machine = VmwareMachine(
                name=f"vmware:{file.stem}", address=address, file=file, vmrun=self._vmrun, lock=lock
            )
            undone.pop_all()
        try:
            self._wait(machine, deadline)
        except DesktopLost:
            machine.close()
            raise
        return machine

    def _take(self) -> tuple[Path, int]:
        """A machine that nobody uses."""
        for file in self._files:
            lock = os.open(file.with_suffix(".arpo.lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            return file, lock
        raise DesktopLost(
            f"all {len(self._files)} machines of desktops.machines are in use; name as many as desktops.count, "
            "and let no other run use them"
        )

    def _wait(self, machine: VmwareMachine, deadline: float) -> None:
        wait_until(
            DesktopClient.look,
            machine,
            # Whether it runs is asked for by name, and VMware may list another name of the same file.
            ended=str,
            late=f"sent no screenshot within {self._config.start_timeout_s:g} s",
            timeout_s=_left(deadline),
            request_timeout_s=LOOK_TIMEOUT_S,
            every_s=LOOK_EVERY_S,
        )


def _switch_off(vmrun: Vmrun, file: Path) -> None:
    try:
        vmrun.stop(file, STOP_TIMEOUT_S)
    except DesktopLost as error:
        # It was off already, or VMware hangs; the next one to take it reverts it, and is told.
        log.warning("a machine could not be switched off", extra={"desktop": file.stem, "reason": str(error)})


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 1.0)


def _machine_file(given: str) -> Path:
    path = Path(given).expanduser().resolve()
    if path.suffix != ".vmx" or not path.is_file():
        raise DesktopLost(
            f"there is no virtual machine {path}; set desktops.machines to the .vmx files in the vmware_vm_data folder "
            "of an OSWorld checkout"
        )
    return path
