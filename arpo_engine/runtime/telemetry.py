"""What the machine and this run's processes use, as `HostSampled` events from a thread of its own.

Knows psutil and `nvidia-smi` where they are there, and sends nothing about what is not. Knows no training.
"""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from arpo_engine.contract.events import HostSampled
from arpo_engine.contract.reporting import EventSink

log = logging.getLogger(__name__)

MB = 1_000_000

_GPU_FIELDS = {
    "index": "index",
    "name": "name",
    "utilization.gpu": "util_percent",
    "memory.used": "memory_used_mb",
    "memory.total": "memory_total_mb",
    "temperature.gpu": "temperature_c",
    "power.draw": "power_w",
}
_GPU_TIMEOUT_S = 5.0
_MIB_IN_MB = 1.048576
_STOP_TIMEOUT_S = 2 * _GPU_TIMEOUT_S


class Telemetry:
    """Emits one sample every few seconds from `start` to `stop`; also a context manager."""

    def __init__(
        self, sink: EventSink, run_dir: Path, *, every_s: float, other_pids: Callable[[], Iterable[int]] = tuple
    ) -> None:
        """`other_pids`: processes of the run that are not children of this one, such as Ray's actors."""
        self._sink = sink
        self._every_s = every_s
        self._probe = HostProbe(run_dir, other_pids)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """Take no further samples; may be called twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            try:
                self._sink.emit(self._probe.sample())
            except (OSError, psutil.Error) as error:
                log.warning("the machine could not be sampled this time", extra={"why": str(error)})


class HostProbe:
    """Reads the counters; CPU figures are averages since the sample before."""

    def __init__(self, run_dir: Path, other_pids: Callable[[], Iterable[int]] = tuple) -> None:
        self._run_dir = run_dir
        self._other_pids = other_pids
        self._host = socket.gethostname()
        self._cores = psutil.cpu_count() or 1
        self._nvidia_smi = shutil.which("nvidia-smi")
        self._processes: dict[int, psutil.Process] = {}
        psutil.cpu_percent()
        self._run_usage()

    def sample(self) -> HostSampled:
        """One sample, now."""
        memory = psutil.virtual_memory()
        cpu_percent, memory_mb = self._run_usage()
        return HostSampled(
            host=self._host,
            cpu_percent=round(psutil.cpu_percent() * self._cores, 1),
            cores=self._cores,
            memory_used_mb=round((memory.total - memory.available) / MB, 1),
            memory_total_mb=round(memory.total / MB, 1),
            disk_free_mb=round(psutil.disk_usage(str(self._run_dir)).free / MB, 1),
            run_cpu_percent=round(cpu_percent, 1),
            run_memory_mb=round(memory_mb, 1),
            gpus=self._gpus(),
        )

    def _run_usage(self) -> tuple[float, float]:
        """CPU percent and memory of the run's processes that are alive now."""
        me = psutil.Process()
        alive = {process.pid: process for process in [me, *me.children(recursive=True)]}
        for pid in self._other_pids():
            if pid not in alive and psutil.pid_exists(pid):
                alive[pid] = psutil.Process(pid)
        # A process object remembers its CPU time since the last look, so those already known are kept.
        self._processes = {pid: self._known(process) for pid, process in alive.items()}
        cpu_percent = memory_mb = 0.0
        for process in self._processes.values():
            try:
                cpu_percent += process.cpu_percent()
                memory_mb += _memory_bytes(process) / MB
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return cpu_percent, memory_mb

    def _known(self, process: psutil.Process) -> psutil.Process:
        known = self._processes.get(process.pid)
        return known if known == process and known is not None else process

    def _gpus(self) -> list[dict[str, float | str]]:
        if self._nvidia_smi is None:
            return []
        command = [self._nvidia_smi, f"--query-gpu={','.join(_GPU_FIELDS)}", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_TIMEOUT_S, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("nvidia-smi does not answer, so GPUs are not shown any more", extra={"why": str(error)})
            self._nvidia_smi = None
            return []
        return [parse_gpu(line) for line in answer.stdout.splitlines() if line.strip()]


def parse_gpu(line: str) -> dict[str, float | str]:
    """One line of nvidia-smi's table; what a GPU does not measure is left out."""
    gpu: dict[str, float | str] = {}
    for key, text in zip(_GPU_FIELDS.values(), line.split(", "), strict=False):
        if key == "name":
            gpu[key] = text.strip()
            continue
        try:
            number = float(text)
        except ValueError:
            continue
        gpu[key] = round(number * _MIB_IN_MB, 1) if key.endswith("_mb") else number
    return gpu


def _memory_bytes(process: psutil.Process) -> int:
    """Memory with shared pages divided among those who share them, where the system tells; else the resident size."""
    try:
        full = process.memory_full_info()
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(full, "pss", 0) or process.memory_info().rss)
