"""What is said when the Docker engine cannot be used. Where an answer is needed, a *simulated* engine gives it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import ModuleType

import pytest

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import connect
from arpo_engine.desktops.docker.provider import DockerProvider
from tests.simulated.docker_engine import SimulatedEngine

CONFIG = DockerDesktopsConfig(spares=0)


def engine_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")


def test_no_engine_names_the_package_and_the_way_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_at(tmp_path / "none.sock", monkeypatch)
    with pytest.raises(DesktopLost, match=r"no Docker engine .*apt-get install docker\.io.*xvfb"):
        connect()


def test_an_engine_that_does_not_run_is_to_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "docker.sock"))
    engine_at(tmp_path / "docker.sock", monkeypatch)
    with pytest.raises(DesktopLost, match=r"not running; start it \(sudo systemctl start docker\)"):
        connect()


def test_who_may_not_use_the_socket_is_told_of_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root may use any socket, so the refusal itself cannot be brought about where tests run as root.
    monkeypatch.setattr(socket.socket, "connect", refuse)
    engine_at(tmp_path / "docker.sock", monkeypatch)
    with pytest.raises(DesktopLost, match=r"usermod -aG docker"):
        connect()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use any socket")
def test_the_refusal_of_a_real_socket_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(tmp_path / "docker.sock"))
        closed.listen()
        (tmp_path / "docker.sock").chmod(0)
        engine_at(tmp_path / "docker.sock", monkeypatch)
        with pytest.raises(DesktopLost, match=r"usermod -aG docker"):
            connect()


def test_a_missing_sdk_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout `import docker` finds the folder of this project's images."""
    monkeypatch.setitem(sys.modules, "docker", ModuleType("docker"))
    monkeypatch.setitem(sys.modules, "docker.errors", None)
    with SimulatedEngine(tmp_path / "docker.sock") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        with pytest.raises(DesktopLost, match=r"package docker is not installed; run \./arpo setup"):
            connect()


def test_an_engine_that_is_none_is_a_lost_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker.errors")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(DesktopLost, match=r"tcp://127\.0\.0\.1:9 does not answer"):
        connect()


def test_a_missing_image_says_how_to_build_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker.errors")
    with SimulatedEngine(tmp_path / "docker.sock") as engine:
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        with pytest.raises(DesktopLost, match=r"image arpo-desktop is not .*\./arpo setup desktop-image"):
            DockerProvider(CONFIG).start()


def test_a_full_disk_says_how_to_free_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker.errors")
    with SimulatedEngine(tmp_path / "docker.sock", images={"arpo-desktop"}) as engine:
        engine.refusal = "mkdir /var/lib/docker/overlay2/x: no space left on device"
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        with pytest.raises(DesktopLost, match=r"disk of the Docker engine is full .*docker system prune"):
            DockerProvider(CONFIG).start()


def test_any_other_refusal_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker.errors")
    with SimulatedEngine(tmp_path / "docker.sock", images={"arpo-desktop"}) as engine:
        engine.refusal = "seccomp is odd"
        monkeypatch.setenv("DOCKER_HOST", engine.address)
        with pytest.raises(DesktopLost, match="refuses making a container: seccomp is odd"):
            DockerProvider(CONFIG).start()
