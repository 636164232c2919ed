"""A *simulated* Docker engine with OSWorld's image on it; see tests/simulated/docker_engine.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.desktops.osworld_docker import kvm, provider
from tests.simulated.docker_engine import SimulatedEngine

pytest.importorskip("docker.errors")

IMAGE = "happysixd/osworld-docker"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    file = tmp_path / "Ubuntu.qcow2"
    file.write_bytes(b"QFI\xfb" + bytes(60))
    return file


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedEngine]:
    monkeypatch.setattr(provider, "LOOK_EVERY_S", 0.01)
    # It would outlive the test; tests/engine/desktops/docker/test_watch.py has it.
    monkeypatch.setattr(provider, "Watch", object)
    monkeypatch.setattr(kvm, "DEVICE", tmp_path / "kvm")
    monkeypatch.setattr(kvm, "_file", lambda: tmp_path / "kvm.json")
    with SimulatedEngine(tmp_path / "docker.sock", images={IMAGE}) as made:
        monkeypatch.setenv("DOCKER_HOST", made.address)
        yield made


@pytest.fixture
def config(disk: Path) -> OsworldDockerDesktopsConfig:
    return OsworldDockerDesktopsConfig(disk=str(disk), kvm="off", start_timeout_s=5, kvm_timeout_s=0.2)
