"""Installs the locked requirements into the environment that runs us. Standard library only: it comes before all else.

uv does the work, because it is quick; pip does it where uv cannot be had. torch is installed by pip, by itself and
without a hash, because a CPU build or a CUDA build may satisfy it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR
from webapp.supervisor.errors import SupervisorError

REQUIREMENTS: Final = BASE_DIR / "requirements"
TORCH: Final = "2.13.0"
TORCH_BUILDS: Final = {"auto": f"torch=={TORCH}", "cpu": f"torch=={TORCH}+cpu", "cuda": f"torch=={TORCH}"}
POLL_S: Final = 0.2
UV_ONCE: Final = {"UV_HTTP_RETRIES": "0"}
"""A network that does not reach an index says so at once, and another way is tried."""

Report = Callable[[float], None]
"""Called again and again with the seconds since the stage began."""
Beat = Callable[[], None]
"""Called again and again while a command runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One set of requirements."""

    name: str
    title: str
    usual_s: int
    """How long it takes on a usual machine and connection, for the progress line."""
    home: Path | None = None
    """The environment that it belongs to; none: the one that runs us."""


WEB = Stage(name="web", title="Installing the console", usual_s=30)
TORCH_STAGE = Stage(name="torch", title="Installing torch", usual_s=90)
ENGINE = Stage(name="engine", title="Installing the engine (transformers, Ray, Qt)", usual_s=60)
DEV = Stage(name="dev", title="Installing the checks and test tools", usual_s=20)


def wanted_torch() -> list[str]:
    """Pip's words for the torch that ARPO_TORCH asks for: auto, cpu, cuda, or words of your own."""
    choice = os.environ.get("ARPO_TORCH", "").strip() or "auto"
    return [TORCH_BUILDS[choice]] if choice in TORCH_BUILDS else shlex.split(choice)


def is_installed(stage: Stage) -> bool:
    """Whether the stage's requirements are in the environment as they are locked now."""
    stamp = _stamp_file(stage)
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == _fingerprint(stage)


def install(stage: Stage, log: Path, report: Report) -> None:
    """Install a stage; what is there already is left alone."""
    with one_installer_at_a_time():
        if is_installed(stage):
            return
        began = time.monotonic()
        if stage is TORCH_STAGE:
            _install_torch(log, lambda: report(time.monotonic() - began))
        else:
            _install_locked(stage, log, lambda: report(time.monotonic() - began))
        mark_installed(stage)


def mark_installed(stage: Stage) -> None:
    """Remember that the stage is there as it is locked now."""
    stamp = _stamp_file(stage)
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(_fingerprint(stage) + "\n", encoding="utf-8")


def forget(stage: Stage) -> None:
    """Have a stage installed again the next time."""
    _stamp_file(stage).unlink(missing_ok=True)


def _install_locked(stage: Stage, log: Path, beat: Beat) -> None:
    # A lock names everything but torch, which is there already and has no hash that its dependants could be held to.
    words = ["--require-hashes", "--no-deps", "-r", str(REQUIREMENTS / f"{stage.name}.txt")]
    uv = uv_program(log, beat)
    if uv is not None:
        code = run([uv, "pip", "install", "--python", sys.executable, *words], log, beat)
        if code == 0:
            return
    code = run([*pip(), "install", *words], log, beat)
    if code != 0:
        raise failure(stage, code, log)


def _install_torch(log: Path, beat: Beat) -> None:
    found = torch_version()
    if found is not None and found.partition("+")[0] == TORCH and not os.environ.get("ARPO_TORCH"):
        return
    if _smaller_build_will_do() and _install_cpu_build(log, beat):
        return
    code = run([*pip(), "install", *wanted_torch()], log, beat)
    if code != 0 and wanted_torch() == [TORCH_BUILDS["cpu"]]:
        raise SupervisorError(
            f"pip found no {TORCH_BUILDS['cpu']}; point pip at PyTorch's index of CPU builds (see pytorch.org, Get "
            f"started) with PIP_EXTRA_INDEX_URL, or set ARPO_TORCH=auto. Log: {log}"
        )
    if code != 0:
        raise failure(TORCH_STAGE, code, log)


def _smaller_build_will_do() -> bool:
    """On Linux the usual torch brings gigabytes of CUDA with it, which a machine without an NVIDIA GPU cannot use."""
    choice = os.environ.get("ARPO_TORCH", "").strip() or "auto"
    return choice == "cpu" or (choice == "auto" and sys.platform == "linux" and shutil.which("nvidia-smi") is None)


def _install_cpu_build(log: Path, beat: Beat) -> bool:
    """From PyTorch's own index of CPU builds, which uv knows; False where it cannot be reached, and pip decides."""
    uv = uv_program(log, beat)
    if uv is None:
        return False
    words = ["--torch-backend", "cpu", TORCH_BUILDS["auto"]]
    return run([uv, "pip", "install", "--python", sys.executable, *words], log, beat, UV_ONCE) == 0


def torch_version() -> str | None:
    """The torch that is installed, with its build (2.13.0+cpu); None when there is none."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None


def uv_program(log: Path, beat: Beat) -> str | None:
    """Uv of this environment, fetched with its locked hash when it is missing; None where it cannot be had."""
    found = Path(sys.executable).with_name("uv")
    if not found.is_file():
        run([*pip(), "install", "--require-hashes", "-r", str(REQUIREMENTS / "installer.txt")], log, beat)
    return str(found) if found.is_file() else None


def pip(python: Path | None = None) -> list[str]:
    """Pip of an environment, by default of ours."""
    return [str(python or sys.executable), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def run(argv: list[str], log: Path, beat: Beat, variables: Mapping[str, str] | None = None) -> int:
    """A command whose words go to the log; its exit code."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        out.write(f"\n$ {shlex.join(argv)}\n".encode())
        out.flush()
        environment = {**os.environ, **(variables or {})}
        process = subprocess.Popen(
            argv, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=BASE_DIR, env=environment
        )
        try:
            while process.poll() is None:
                beat()
                time.sleep(POLL_S)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    return int(process.returncode)


def failure(stage: Stage, code: int, log: Path) -> SupervisorError:
    """What to say when a command of a stage ended badly."""
    free_mb = shutil.disk_usage(BASE_DIR).free // 2**20
    tail = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()][-3:]
    return SupervisorError(
        f"{stage.title} ended with {code}: {' | '.join(tail)}. {free_mb} MB are free on the disk. "
        f"Check the connection and the disk, then run the same command again: it goes on where it was. Log: {log}"
    )


def _fingerprint(stage: Stage) -> str:
    """Changes when the lock, the Python or the choice of torch changes."""
    parts = [sys.version]
    if stage is TORCH_STAGE:
        parts += wanted_torch()
    else:
        parts.append((REQUIREMENTS / f"{stage.name}.txt").read_text(encoding="utf-8"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _stamp_file(stage: Stage) -> Path:
    return (stage.home or Path(sys.prefix)) / ".arpo" / f"{stage.name}.stamp"


@contextmanager
def one_installer_at_a_time() -> Iterator[None]:
    """Waits until no other process installs."""
    folder = Path(sys.prefix) / ".arpo"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
