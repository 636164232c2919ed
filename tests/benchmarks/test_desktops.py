"""The benchmark of desktops: what it prints, and that its episodes and faults are what they are said to be."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from benchmarks.desktops import table
from benchmarks.desktops_episodes import FAULTS, episodes
from benchmarks.desktops_world import World, megabytes


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Stands for the display of a desktop: the program is known by its command line."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "Xvfb"])
    yield psutil.Process(process.pid)
    process.kill()
    process.wait()


def test_every_kind_is_a_column_and_every_figure_a_row() -> None:
    rows = table({"docker": {"cold_start_s": 2.345, "leaked": 0}, "pocket": {"cold_start_s": None}})
    assert rows == [["", "docker", "pocket"], ["cold_start_s", "2.35", "–"], ["leaked", "0", "–"]]


def test_episodes_go_through_the_pool_and_are_counted() -> None:
    found = asyncio.run(episodes(World.of("pocket"), count=3, at_once=1))
    assert (found["episodes"], found["readiness_failures"]) == (3, 0)
    assert found["steps_per_s"] > 0


def test_memory_is_that_of_all_processes_and_a_dead_one_has_none(sleeper: psutil.Process) -> None:
    one = megabytes([sleeper])
    assert one is not None and one > 0
    sleeper.kill()
    sleeper.wait()
    assert megabytes([sleeper]) == 0.0


def test_a_killed_desktop_loses_its_first_process(sleeper: psutil.Process) -> None:
    FAULTS["killed"]([sleeper])
    assert sleeper.wait(10) != 0


def test_a_frozen_display_is_stopped_and_not_ended(sleeper: psutil.Process) -> None:
    FAULTS["frozen_display"]([sleeper])
    assert os.WIFSTOPPED(os.waitpid(sleeper.pid, os.WUNTRACED)[1])
