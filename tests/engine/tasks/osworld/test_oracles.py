"""OSWorld's own tasks, set up and scored by OSWorld's own code on real applications: 1 after an oracle, 0 before it.

By the same code and files as OSWorld's, on our desktops; that its official machine gives the same is not verified here.
Slow (some 20 seconds a task); skipped where OSWorld's tasks, its code or the applications are missing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.home import scoring_home
from arpo_engine.tasks.osworld.scoring import DesktopAddress, ScoringProcess
from tests.engine.tasks.osworld.oracles import ORACLES

EXAMPLES = os.environ.get("OSWORLD_EXAMPLES", "")
COMMAND_TIMEOUT_S = 120.0
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EXAMPLES, reason="OSWORLD_EXAMPLES names no folder `evaluation_examples`"),
]


@pytest.fixture(scope="module")
def tasks() -> dict[str, Task]:
    return {f"{task.domain}/{task.id[:8]}": task for task in load_split(EXAMPLES, "test_all")}


@pytest.fixture(scope="module")
def scoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScoringProcess]:
    try:
        home = scoring_home()
    except TaskError as error:
        pytest.skip(str(error))
    process = ScoringProcess(home, AssetCache(tmp_path_factory.mktemp("assets"), offline=True))
    yield process
    process.close()


@pytest.fixture
def desktop() -> Iterator[DesktopAddress]:
    missing = requirements.missing()
    if missing:
        pytest.skip(missing)
    machine = XvfbProvider(XvfbDesktopsConfig(start_timeout_s=90, request_timeout_s=90)).start()
    address = machine.address
    yield DesktopAddress(
        server_port=address.server_port,
        chromium_port=address.chromium_port,
        vlc_port=address.vlc_port,
        headers={"Authorization": f"Bearer {address.token}"},
    )
    machine.close()


def test_there_are_oracles_for_at_least_twenty_tasks_and_none_needs_a_file(tasks: dict[str, Task]) -> None:
    assert len(ORACLES) >= 20
    assert [name for name in ORACLES if AssetCache(Path("nowhere")).missing(tasks[name])] == []


@pytest.mark.parametrize("name", ORACLES)
def test_a_task_of_osworld_is_0_before_its_oracle_and_1_after(
    name: str, tasks: dict[str, Task], scoring: ScoringProcess, desktop: DesktopAddress
) -> None:
    task = tasks[name]
    scoring.setup(task, desktop)
    assert scoring.evaluate(task, desktop, "DONE") == 0.0
    for command in ORACLES[name]:
        requests.post(
            f"http://{desktop.host}:{desktop.server_port}/execute",
            json={"command": command},
            headers=dict(desktop.headers),
            timeout=COMMAND_TIMEOUT_S,
        ).raise_for_status()
    assert scoring.evaluate(task, desktop, "DONE") == 1.0
