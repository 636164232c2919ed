from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from arpo_engine.contract.events import Event, HostSampled
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.runtime.telemetry import HostProbe, Telemetry, parse_gpu


class WaitingSink(MemorySink):
    """Says when it has enough."""

    def __init__(self, wanted: int) -> None:
        super().__init__()
        self._wanted = wanted
        self.enough = threading.Event()

    def emit(self, event: Event) -> None:
        super().emit(event)
        if len(self.events) >= self._wanted:
            self.enough.set()


def fake_nvidia_smi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_samples_are_emitted_until_it_is_stopped(tmp_path: Path) -> None:
    sink = WaitingSink(2)
    with Telemetry(sink, tmp_path, every_s=0.01):
        assert sink.enough.wait(10.0)
    after = len(sink.events)
    assert all(isinstance(event, HostSampled) for event in sink.events)
    assert len(sink.events) == after


def test_a_sample_tells_what_the_machine_and_the_run_use(tmp_path: Path) -> None:
    sample = HostProbe(tmp_path).sample()
    assert sample.cores >= 1
    assert 0 <= sample.cpu_percent <= 100 * sample.cores + 1
    assert 0 < sample.memory_used_mb < sample.memory_total_mb
    assert sample.disk_free_mb > 0
    assert 5 < sample.run_memory_mb < sample.memory_total_mb


def test_the_work_of_this_process_shows_in_percent_of_one_core(tmp_path: Path) -> None:
    probe = HostProbe(tmp_path)
    sum(number * number for number in range(1_000_000))
    assert probe.sample().run_cpu_percent > 0


def test_children_count_as_the_run_and_may_die_meanwhile(tmp_path: Path) -> None:
    probe = HostProbe(tmp_path)
    alone = probe.sample().run_memory_mb
    child = subprocess.Popen(
        [sys.executable, "-c", "x = bytearray(60_000_000); print(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None and child.stdout.readline() == b"1\n"
    assert probe.sample().run_memory_mb > alone + 50
    child.kill()
    child.communicate()
    assert probe.sample().run_memory_mb < alone + 50


def test_processes_elsewhere_can_be_named_as_the_runs_own(tmp_path: Path) -> None:
    alone = HostProbe(tmp_path).sample().run_memory_mb
    with_others = HostProbe(tmp_path, lambda: [os.getppid(), 2**22 + 1]).sample().run_memory_mb
    assert with_others >= alone


def test_a_machine_without_gpus_shows_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert HostProbe(tmp_path).sample().gpus == []


def test_gpus_are_shown_in_the_units_of_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvidia_smi(tmp_path, "echo '0, NVIDIA H200, 37, 1000, 143771, 41, 118.52'", monkeypatch)
    assert HostProbe(tmp_path).sample().gpus == [
        {
            "index": 0.0,
            "name": "NVIDIA H200",
            "util_percent": 37.0,
            "memory_used_mb": 1048.6,
            "memory_total_mb": 150754.8,
            "temperature_c": 41.0,
            "power_w": 118.52,
        }
    ]


def test_what_a_gpu_does_not_measure_is_left_out() -> None:
    assert parse_gpu("1, Tesla, [N/A], 5, 10, [Not Supported], [N/A]").keys() == {
        "index",
        "name",
        "memory_used_mb",
        "memory_total_mb",
    }


def test_a_broken_driver_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake_nvidia_smi(tmp_path, f"echo x >> {tmp_path}/asked; exit 9", monkeypatch)
    probe = HostProbe(tmp_path)
    assert [probe.sample().gpus, probe.sample().gpus] == [[], []]
    assert (tmp_path / "asked").read_text() == "x\n"
    assert "nvidia-smi does not answer" in caplog.text
