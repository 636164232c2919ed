"""A machine with a *simulated* VMware on it."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.config.containers import VmwareDesktopsConfig
from arpo_engine.desktops.vmware import provider as module
from tests.simulated.osworld_server import SimulatedServer


class Host:
    """A machine with VMware on it."""

    def __init__(self, folder: Path, server: SimulatedServer) -> None:
        self.folder = folder
        self.server = server
        self.files = [folder / f"Ubuntu{number}.vmx" for number in range(2)]
        for file in self.files:
            file.touch()
        shutil.copy(Path(__file__).parents[3] / "simulated" / "vmrun.py", folder)
        self.program = folder / "vmrun"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} {folder}/vmrun.py "$@"\n', encoding="utf-8")
        self.program.chmod(0o755)

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()

    def breaks(self, command: str) -> None:
        (self.folder / "broken").write_text(f"{command}\n", encoding="utf-8")

    def config(self, **changes: object) -> VmwareDesktopsConfig:
        given = {"machines": [str(file) for file in self.files], "vmrun": str(self.program), "start_timeout_s": 20}
        return VmwareDesktopsConfig.model_validate({**given, **changes})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    # The port is OSWorld's own and cannot be chosen; on Linux all of 127 is this machine.
    address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
    server = SimulatedServer(address, module.SERVER_PORT)
    (tmp_path / "address").write_text(f"{address}\n", encoding="utf-8")
    server.frozen = lambda: bool((tmp_path / "paused").exists() and (tmp_path / "paused").read_text(encoding="utf-8"))
    yield Host(tmp_path, server)
    server.close()
