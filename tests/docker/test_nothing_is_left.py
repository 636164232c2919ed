from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.doors import home
from arpo_engine.desktops.docker.engine import DockerApi
from arpo_engine.desktops.docker.labels import DESKTOP, HOST, OWNER, labels
from arpo_engine.desktops.docker.provider import DockerMachine, DockerProvider
from arpo_engine.desktops.docker.reaper import reap
from arpo_engine.desktops.owners import owner_of
from tests.docker.conftest import CONFIG, IMAGE, within

pytestmark = pytest.mark.docker

HOLDS_ONE = f"""
import sys, time
from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.desktops.docker.provider import DockerProvider
machine = DockerProvider(DockerDesktopsConfig.model_validate_json({CONFIG.model_dump_json()!r})).start()
print(machine.container, flush=True)
time.sleep(600)
"""
DEAD = "1:1"
"""No process with this number began one tick after the machine."""


def exists(engine: DockerApi, container: str) -> bool:
    return bool(engine.containers(all=True, filters={"id": container}))


def left_over(engine: DockerApi, marks: dict[str, str]) -> str:
    """A container that was made and never started."""
    made = engine.create_container(IMAGE, labels=marks, host_config=engine.create_host_config(network_mode="none"))
    return str(made["Id"])


def test_a_closed_desktop_leaves_no_container_and_no_door(engine: DockerApi, provider: DockerProvider) -> None:
    machine = provider.start()
    machine.close()
    machine.close()
    assert within(10, lambda: not exists(engine, machine.container))
    assert machine.doors is not None and not machine.doors.folder.exists()


def test_a_killed_process_leaves_no_container(engine: DockerApi) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS_ONE], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    container = holder.stdout.readline().strip()
    assert exists(engine, container)
    holder.kill()
    holder.wait()
    assert within(10, lambda: not exists(engine, container))
    reap(engine)
    assert not [folder for folder in home().iterdir() if f"-{holder.pid}-" in folder.name]


def test_a_frozen_process_keeps_its_desktop(engine: DockerApi) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDS_ONE], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    container = holder.stdout.readline().strip()
    try:
        os.kill(holder.pid, signal.SIGSTOP)
        assert reap(engine) == []
        assert exists(engine, container)
    finally:
        holder.kill()
        holder.wait()
    assert within(10, lambda: not exists(engine, container))


def test_what_a_dead_process_left_is_removed_and_nothing_else(engine: DockerApi) -> None:
    ours = labels("docker")
    dead = left_over(engine, {**ours, OWNER: DEAD})
    kept = [
        left_over(engine, ours),
        left_over(engine, {**ours, OWNER: DEAD, HOST: "another-host"}),
        left_over(engine, {**ours, OWNER: "odd"}),
        left_over(engine, {OWNER: DEAD}),
    ]
    try:
        # The watch of a process that a test killed may be first.
        reap(engine)
        assert not exists(engine, dead)
        assert all(exists(engine, container) for container in kept)
    finally:
        for container in kept:
            engine.remove_container(container, force=True, v=True)


def test_a_killed_container_is_a_lost_desktop(engine: DockerApi, machine: DockerMachine) -> None:
    assert machine.gone() == ""
    engine.remove_container(machine.container, force=True, v=True)
    assert within(5, lambda: machine.gone() != "")
    assert "container has ended" in machine.gone()


def test_what_was_done_to_one_container_is_not_in_the_next(provider: DockerProvider) -> None:
    scaling = "org.gnome.desktop.interface text-scaling-factor"
    written = f"touch ~/tampered /tmp/tampered; echo odd >> ~/.bashrc; rm -rf ~/Documents; gsettings set {scaling} 2.0"
    asked = f"ls ~/tampered /tmp/tampered ~/Documents; tail -1 ~/.bashrc; gsettings get {scaling}"
    seen = []
    for command in ("true", written, "true"):
        machine = provider.start()
        client = DesktopClient(machine, 30.0)
        client.post("/execute", {"command": command, "shell": True})
        seen.append(client.post("/execute", {"command": asked, "shell": True})["output"])
        machine.close()
    assert seen[0] == seen[2] != seen[1]


def test_the_label_names_this_process() -> None:
    assert labels("docker")[OWNER] == owner_of(os.getpid())
    assert labels("docker")[DESKTOP] == "docker"


STARTS_MANY = f"""
import threading
from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.desktops.docker.provider import DockerProvider
provider = DockerProvider(DockerDesktopsConfig.model_validate_json({CONFIG.model_dump_json()!r}))
provider._engine()
print("begins", flush=True)
for _ in range(3):
    threading.Thread(target=provider.start).start()
"""


@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.3, 0.6, 1.0, 1.5])
def test_whatever_a_process_does_when_it_is_killed_no_container_stays(engine: DockerApi, after_s: float) -> None:
    process = subprocess.Popen([sys.executable, "-c", STARTS_MANY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    owner = owner_of(process.pid)
    time.sleep(after_s)
    process.kill()
    process.wait()
    time.sleep(1)
    mine = {"label": f"{OWNER}={owner}"}
    assert within(40, lambda: not engine.containers(all=True, filters=mine))
