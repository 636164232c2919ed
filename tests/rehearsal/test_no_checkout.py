"""A machine that has the environment and not our code runs desktops: the code comes from the run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.rehearsal.cluster import PACKAGE, TwoNodes
from tests.rehearsal.network import two_machines

pytestmark = pytest.mark.slow
DRIVER = """
import asyncio, ray
from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.desktops.host import Reset
from arpo_engine.runtime.cluster.executor import RayExecutor
from arpo_engine.tasks import load_split

async def main():
    executor = RayExecutor()
    hosts = await executor.start_desktops(PocketDesktopsConfig(count=4, per_process=2))
    task = load_split("configs/tasks/pocket", "train")[0]
    shapes = [(await host.call(0, Reset(task))).pixels.shape for host in hosts]
    free = ray.available_resources().get("desktop", 0)
    await executor.close()
    print(shapes, "free", free)

asyncio.run(main())
"""


def test_desktops_run_where_there_is_no_checkout() -> None:
    with tempfile.TemporaryDirectory(prefix="arpo-reh-") as name, two_machines("bare") as (east, west):
        nodes = TwoNodes(east, west, Path(name), desktops=2)
        nodes.start_head()
        nodes.start_node()
        assert not list(Path(f"/proc/{west.pids()[0]}/root{PACKAGE}").iterdir()), "there is no code of ours"
        done = subprocess.run(
            east.inside(sys.executable, "-c", DRIVER),
            env=nodes.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split("\n")[-2] == "[(168, 224, 3), (168, 224, 3)] free 0"
