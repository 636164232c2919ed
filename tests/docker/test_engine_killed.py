"""What is left when the Docker engine itself is killed. Asked for by name, as it ends every container of that engine:

ARPO_TEST_DOCKERD="PIDFILE COMMAND" names where the engine's process id is, and what starts it again.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import DockerApi, connect
from arpo_engine.desktops.docker.labels import OWNER
from arpo_engine.desktops.docker.provider import DockerProvider
from arpo_engine.desktops.owners import owner_of
from tests.docker.conftest import within

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture
def words() -> list[str]:
    given = shlex.split(os.environ.get("ARPO_TEST_DOCKERD", ""))
    if len(given) < 2:
        pytest.skip("ARPO_TEST_DOCKERD names no engine that may be killed")
    return given


def answers() -> bool:
    try:
        connect()
    except DesktopLost:
        return False
    return True


def start_again(command: list[str]) -> None:
    """As a service manager does: an engine that finds the rest of a killed one may give up its first start."""
    for _ in range(4):
        subprocess.run(command, check=True)
        if within(30, answers):
            return
    pytest.fail("the Docker engine did not start again")


def test_no_container_not_even_a_paused_one_outlives_its_engine_and_the_provider_goes_on(
    engine: DockerApi, provider: DockerProvider, words: list[str]
) -> None:
    machines = [provider.start() for _ in range(3)]
    machines[-1].pause()
    os.kill(int(Path(words[0]).read_text(encoding="ascii")), signal.SIGKILL)
    assert within(10, lambda: all(machine.gone() for machine in machines))
    with pytest.raises(DesktopLost, match="is it running"):
        provider.start()
    start_again(words[1:])
    mine = {"label": f"{OWNER}={owner_of(os.getpid())}"}
    assert within(30, lambda: not engine.containers(all=True, filters=mine))
    provider.start().close()
    for machine in machines:
        machine.close()
