from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest

from arpo_engine.contract.actions import Finished, Wait
from arpo_engine.contract.errors import DesktopLost, PreflightFailed
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.host import PocketHost
from arpo_engine.desktops.pocket.qt import require_fonts
from tests.engine.desktops.helpers import a_task

DESKTOPS = 64
MOST_MB = 120
LEAST_STEPS_PER_CPU_S = 250

MEASURE = f"""
import json, random, sys, time
from arpo_engine.contract.actions import Click
from arpo_engine.desktops.pocket.host import PocketHost
from arpo_engine.desktops.pocket.tasks import make_split
tasks, rng = make_split("train"), random.Random(0)
host = PocketHost({DESKTOPS})
start, frames = time.process_time(), 0
for turn in range(3):
    for index in range({DESKTOPS}):
        host.reset(index, tasks[(index + turn) % len(tasks)])
    for _ in range(5):
        for index in range({DESKTOPS}):
            host.step(index, Click(x=rng.randrange(224), y=rng.randrange(168)))
    frames += 6 * {DESKTOPS}
rate = frames / (time.process_time() - start)
with open("/proc/self/smaps_rollup") as lines:
    pss_kb = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
print(json.dumps({{"rate": rate, "mb": pss_kb * 1024 / 1e6, "heavy": sorted({{"torch", "ray"}} & set(sys.modules))}}))
"""


def test_a_host_builds_desktops_as_they_are_needed_and_closes_them() -> None:
    host = PocketHost(2)
    assert host.reset(1, a_task("turn-on")).pixels.shape == (168, 224, 3)
    assert host.score(1, Finished()) == 0.0
    with pytest.raises(DesktopLost, match="desktop 0 has not been reset"):
        host.step(0, Wait(seconds=0.0))
    with pytest.raises(DesktopLost, match="no desktop 2"):
        host.reset(2, a_task("turn-on"))
    host.close()
    host.close()
    assert host.reset(0, a_task("turn-on")).pixels.shape == (168, 224, 3)
    host.close()


def test_batched_calls_answer_in_order() -> None:
    host = PocketHost(3)
    tasks = [(2, a_task("turn-on")), (0, a_task("open-file"))]
    first = host.reset_many(tasks)
    again = host.step_many([(2, Wait(seconds=0.0)), (0, Wait(seconds=0.0))])
    assert all((one.pixels == other.pixels).all() for one, other in zip(first, again, strict=True))
    host.close()


def test_another_thread_is_told_that_widgets_need_the_main_one() -> None:
    caught: list[str] = []

    def build() -> None:
        try:
            PocketDesktop()
        except PreflightFailed as refused:
            caught.append(str(refused))

    thread = threading.Thread(target=build)
    thread.start()
    thread.join()
    assert caught and "main thread" in caught[0]


def test_a_machine_without_fonts_is_told_which_to_install() -> None:
    with pytest.raises(PreflightFailed, match="fonts-dejavu-core"):
        require_fonts([])
    require_fonts(["DejaVu Sans"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_sixty_four_desktops_in_one_process_are_light_and_fast() -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=300)
    measured = json.loads(done.stdout)
    assert measured["mb"] < MOST_MB
    assert measured["rate"] > LEAST_STEPS_PER_CPU_S
    assert measured["heavy"] == []


def test_missing_system_libraries_are_named_with_the_one_install_line() -> None:
    script = """
import sys
sys.modules["PySide6"] = None
try:
    import arpo_engine.desktops.pocket.host
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.startswith("PreflightFailed")
    assert "apt-get install libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0" in done.stdout
