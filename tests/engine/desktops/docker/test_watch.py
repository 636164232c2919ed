"""What is left when a process is killed, against a *simulated* Docker engine. See tests/simulated."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from arpo_engine.desktops.docker.labels import OWNER, labels
from arpo_engine.desktops.owners import owner_of
from tests.simulated.docker_engine import Container, SimulatedEngine

pytest.importorskip("docker.errors")

WATCHED = """
import time
from arpo_engine.desktops.docker.watch import Watch
held = Watch()
print("on", flush=True)
time.sleep(600)
"""


def test_a_killed_process_is_cleaned_up_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedEngine(tmp_path / "docker.sock") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        process = subprocess.Popen([sys.executable, "-c", WATCHED], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        marks = {**labels("osworld-docker"), OWNER: owner_of(process.pid)}
        engine.containers["left"] = Container(id="left", name="left", asked={"Labels": marks})
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while not engine.removed and time.monotonic() < deadline:
            time.sleep(0.05)
        assert engine.removed == ["left"]
