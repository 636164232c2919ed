"""What is left of desktops when whoever held them is killed: their process, the run above it, the Docker engine."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import DockerApi, connect, is_missing
from arpo_engine.desktops.docker.labels import DESKTOP, RUN, RUN_VARIABLE
from benchmarks.desktops_world import World

HELD = 3
PATIENCE_S = 60.0
"""After which what is still there has leaked."""
STARTS, START_S = 4, 30.0
XVFB_FIRST = "unshare"


def leaks(world: World, engine: tuple[str, str] | None) -> dict[str, int | None]:
    """Desktops that are left after each kind of death; None where it was not tried."""
    found: dict[str, int | None] = {"pool": _after_kill(world, of_run=False), "run": _after_kill(world, of_run=True)}
    if world.kind == "docker":
        found["engine"] = _after_engine(world, *engine) if engine is not None else None
    return found


def _after_kill(world: World, *, of_run: bool) -> int:
    """A process that holds desktops, below one that stands for the run; one of the two is killed."""
    name = f"bench-{os.getpid()}-{time.monotonic_ns()}"
    run = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.desktops_holder", "run", world.kind, str(HELD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, RUN_VARIABLE: name},
    )
    assert run.stdout is not None and run.stdin is not None, "asked for above"
    holder = psutil.Process(int(run.stdout.readline()))
    before = _count(world, name, holder)
    if before < HELD:
        raise DesktopLost(f"only {before} of {HELD} desktops came up to be killed")
    firsts = _firsts(holder)
    (run if of_run else holder).kill()
    left = _settle(lambda: _containers(name) if world.kind == "docker" else sum(_lives(one) for one in firsts))
    run.stdin.close()
    run.wait()
    return left


def _after_engine(world: World, pidfile: str, command: str) -> int:
    """Kill the engine under desktops that are in use, start it again, and count."""
    assert world.provider is not None, "containers have one"
    name = os.environ.get(RUN_VARIABLE, "none")
    machines = [world.provider.start() for _ in range(HELD)]
    os.kill(int(Path(pidfile).read_text(encoding="ascii")), signal.SIGKILL)
    time.sleep(1)
    for left in reversed(range(STARTS)):
        # On a machine with much to do an engine may give up its own start.
        subprocess.run(shlex.split(command), check=True)
        if _answers_within(START_S, give_up=not left):
            break
    for machine in machines:
        machine.close()
    return _settle(lambda: _containers(name))


def _answers_within(seconds: float, *, give_up: bool) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            connect()
        except DesktopLost:
            if time.monotonic() < deadline:
                time.sleep(0.5)
                continue
            if give_up:
                raise
            return False
        return True


def _settle(count: object) -> int:
    assert callable(count)
    deadline = time.monotonic() + PATIENCE_S
    while (left := int(count())) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def _count(world: World, name: str, holder: psutil.Process) -> int:
    return _containers(name) if world.kind == "docker" else len(_firsts(holder))


def _containers(name: str) -> int:
    api = connect()
    listed = api.containers(all=True, filters={"label": [DESKTOP, f"{RUN}={name}"]})
    return sum(is_there(api, container["Id"]) for container in listed)


def is_there(api: DockerApi, container: str) -> bool:
    """Whether the engine knows a container that it lists.

    One that was killed may list, until it is started again, what it removed as it came up: dead and nameless, without a
    process or a file, and unknown to every other question.
    """
    try:
        api.inspect_container(container)
    except Exception as error:
        if is_missing(error):
            return False
        raise
    return True


def _firsts(holder: psutil.Process) -> list[psutil.Process]:
    """The first process of each desktop that lives in namespaces, and what it started."""
    return [one for one in holder.children(recursive=True) if one.name() == XVFB_FIRST]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
