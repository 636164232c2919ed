"""The supervisor with real little programs: restart after a crash, give up when it is hopeless, stop in order."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from webapp.supervisor.child import RESTARTS, Child, Spec, State
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.leftovers import end_leftovers, remember
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.process import Process, Program
from webapp.supervisor.queuewatch import FOR_S, LONG, LOOK_EVERY_S, QUEUE, QueueWatch
from webapp.supervisor.supervisor import Supervisor

PATIENT = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
)
HOPELESS = "import sys; print('no such file: the reason', flush=True); sys.exit(3)"
PARENT = (
    "import subprocess, sys, signal; "
    "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], start_new_session=True); "
    "print('up', child.pid, flush=True); signal.pause()"
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def spec_of(tmp_path: Path, name: str, script: str, **more: object) -> Spec:
    log = RotatingLog(tmp_path / f"{name}.log")
    program = Program(name=name, argv=(sys.executable, "-c", script), cwd=tmp_path, stop_within_s=0.5)
    options: dict[str, object] = {"ready": lambda: any("up" in line for line in log.tail()), **more}
    return Spec(name=name, log=log, program=lambda: program, **options)  # type: ignore[arg-type]


def until(condition: Callable[[], object], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    made = Child(spec_of(tmp_path, "patient", PATIENT))
    yield made
    made.stop()


def test_a_crashed_child_is_named_and_started_again(child: Child) -> None:
    child.launch()
    child.wait_ready()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    said: list[str] = []
    until(lambda: (said.append(child.tick() or ""), child.state is State.READY and child.pid != first)[1])
    assert any("patient ended unexpectedly (killed by signal 9)" in text for text in said)
    assert child.restarts == 1


def test_a_child_that_keeps_crashing_stays_down_and_says_why(tmp_path: Path) -> None:
    clock = Clock()
    hopeless = Child(spec_of(tmp_path, "hopeless", HOPELESS), clock=clock)
    hopeless.launch()
    said: list[str] = []

    def step() -> bool:
        clock.now += 1.0
        said.append(hopeless.tick() or "")
        return hopeless.state is State.FAILED

    until(step, within_s=20)
    assert hopeless.restarts == RESTARTS
    assert "no such file: the reason" in said[-1]
    assert "stays down; log:" in said[-1]


def test_crashes_long_ago_do_not_count(tmp_path: Path) -> None:
    clock = Clock()
    flaky = Child(spec_of(tmp_path, "flaky", HOPELESS), clock=clock)
    flaky.launch()

    def step() -> bool:
        clock.now += 200.0
        flaky.tick()
        return flaky.restarts > RESTARTS + 1

    until(step, within_s=30)
    flaky.stop()


def test_an_essential_child_that_stays_down_ends_the_watch(tmp_path: Path) -> None:
    supervisor = Supervisor(tell=lambda text: None, changed=lambda: None)
    supervisor.start(spec_of(tmp_path, "hopeless", HOPELESS), wait=False)
    child = supervisor.children["hopeless"]
    child._clock = Clock()  # time does not pass, so every crash counts

    def step() -> bool:
        child._resume_at = 0.0
        supervisor.tick()
        return False

    with pytest.raises(SupervisorError, match="hopeless ended unexpectedly"):
        until(step, within_s=20)
    supervisor.stop_all()


def test_a_child_that_never_gets_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(tell=lambda text: None, changed=lambda: None)
    spec = spec_of(tmp_path, "slow", PATIENT, ready=lambda: False, ready_within_s=0.5)
    with pytest.raises(SupervisorError, match=r"slow was not ready after 0 s: up \(whole log: "):
        supervisor.start(spec)
    supervisor.stop_all()


def test_children_are_stopped_in_the_given_order_and_then_last_first(tmp_path: Path) -> None:
    ended: list[str] = []
    supervisor = Supervisor(tell=lambda text: None, changed=lambda: None, stop_order=("clock",))
    for name in ("database", "web", "clock", "worker"):
        script = f"{PATIENT.replace('signal.pause()', '')}\ntry: signal.pause()\nfinally: pass"
        supervisor.start(spec_of(tmp_path, name, script))
    for name, child in supervisor.children.items():
        original = child.stop

        def stop(within_s: float | None = None, name: str = name, original: Callable[..., None] = original) -> None:
            ended.append(name)
            original(within_s)

        child.stop = stop  # type: ignore[method-assign]
    supervisor.stop_all()
    assert ended == ["clock", "worker", "web", "database"]
    assert all(child.state is State.STOPPED for child in supervisor.children.values())


def test_a_stubborn_child_is_killed_after_its_deadline(tmp_path: Path) -> None:
    stubborn = Child(spec_of(tmp_path, "stubborn", STUBBORN))
    stubborn.launch()
    stubborn.wait_ready()
    assert stubborn.process is not None
    stubborn.stop()
    assert stubborn.process.returncode() == -signal.SIGKILL


def test_grandchildren_in_a_session_of_their_own_do_not_outlive_the_stop(tmp_path: Path) -> None:
    parent = Child(spec_of(tmp_path, "parent", PARENT))
    parent.launch()
    parent.wait_ready()
    assert parent.process is not None
    grandchild = int(parent.process.log.tail()[0].split()[1])
    assert psutil.pid_exists(grandchild)
    parent.stop()
    until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)


def test_what_a_killed_supervisor_left_is_found_and_ended(tmp_path: Path) -> None:
    left = Child(spec_of(tmp_path, "left", STUBBORN))
    left.launch()
    left.wait_ready()
    assert left.process is not None
    assert left.pid is not None
    remember(tmp_path, [left.pid])
    assert end_leftovers(tmp_path) == 1
    until(lambda: left.process is not None and left.process.returncode() is not None)


def test_a_process_id_that_is_somebody_elses_now_is_left_alone(tmp_path: Path) -> None:
    bystander = Child(spec_of(tmp_path, "bystander", PATIENT))
    bystander.launch()
    bystander.wait_ready()
    assert bystander.pid is not None
    remember(tmp_path, [bystander.pid])
    note = tmp_path / "run" / "children.json"
    note.write_text(note.read_text().replace('"started": ', '"started": 1'))
    assert end_leftovers(tmp_path) == 0
    assert bystander.process is not None
    assert bystander.process.returncode() is None
    bystander.stop()


def test_a_start_that_cannot_succeed_is_not_waited_for(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, "lame", PATIENT, ready=lambda: False, broken=lambda: "its helper died")
    lame = Child(spec)
    lame.launch()
    assert lame.tick() == "lame could not start: its helper died. Starting it again in 1 s"
    lame.stop()


def test_a_worker_that_takes_nothing_is_started_again(tmp_path: Path, valkey: str) -> None:
    clock = Clock()
    watch = QueueWatch(valkey, clock=clock)
    bus = redis.from_url(valkey)
    bus.delete(QUEUE)  # what the pages' own tests have queued for a worker that is not there
    worker = Child(spec_of(tmp_path, "worker", PATIENT, stuck=watch), clock=clock)
    worker.launch()
    worker.wait_ready()
    bus.rpush(QUEUE, *range(LONG + 2))
    said: list[str | None] = []
    while clock.now < FOR_S + 3 * LOOK_EVERY_S and worker.state is not State.PAUSING:
        said.append(worker.tick())
        clock.now += LOOK_EVERY_S
    bus.delete(QUEUE)
    bus.close()
    worker.stop()
    assert said[:-1] == [None] * (len(said) - 1)
    assert said[-1] is not None
    assert "worker is stuck: 12 tasks have waited for more than 120 s and it takes none" in said[-1]


def test_a_queue_that_is_emptied_in_between_is_no_reason(valkey: str) -> None:
    clock = Clock()
    watch = QueueWatch(valkey, clock=clock)
    bus = redis.from_url(valkey)
    for _ in range(30):
        bus.rpush(QUEUE, *range(LONG + 2))
        assert watch() == ""
        clock.now += LOOK_EVERY_S
        bus.delete(QUEUE)
        assert watch() == ""
        clock.now += LOOK_EVERY_S
    bus.close()


def test_a_bus_that_is_away_is_no_reason() -> None:
    assert QueueWatch("redis://127.0.0.1:9/0")() == ""


def test_a_program_that_is_not_there_names_itself(tmp_path: Path) -> None:
    program = Program(name="ghost", argv=("/nowhere/ghost",), cwd=tmp_path)
    with pytest.raises(SupervisorError, match=r"ghost cannot be started: .*No such file"):
        Process(program, RotatingLog(tmp_path / "ghost.log"))


def test_logs_rotate_and_keep_the_last_lines(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "busy.log", max_bytes=100, kept=2)
    for number in range(50):
        log.write(f"line {number} with some words\n".encode())
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["busy.log", "busy.log.1", "busy.log.2"]
    assert log.tail()[-1] == "line 49 with some words"


def test_children_that_were_there_before_outlive_the_last_sweep(tmp_path: Path) -> None:
    bystander = Child(spec_of(tmp_path, "bystander", PATIENT))
    bystander.launch()
    bystander.wait_ready()
    Supervisor(tell=lambda text: None, changed=lambda: None).stop_all()
    assert bystander.process is not None
    assert bystander.process.returncode() is None
    bystander.stop()
