"""What this machine has that a plan is held against: GPUs with their memory, processor cores, free memory.

Asks nvidia-smi and the system; loads no torch.
"""

from __future__ import annotations

import shutil
import subprocess

import psutil

from arpo_engine.contract.plan.planning import Machine
from arpo_engine.runtime.devices import cores_here, gpus_allowed

GB = 1e9
MIB = 1024 * 1024
TIMEOUT_S = 10.0


def this_machine() -> Machine:
    """The GPUs that nvidia-smi lists, as many as may be used (the smallest decides), the cores this process may use,
    memory that is free."""
    gpus = gpu_memory_gb()[: gpus_allowed()]
    return Machine(
        gpus=len(gpus),
        gpu_gb=min(gpus) if gpus else Machine().gpu_gb,
        memory_gb=psutil.virtual_memory().available / GB,
        cores=cores_here(),
    )


def gpu_memory_gb() -> list[float]:
    """Memory of each NVIDIA GPU (GB); empty where there is none or the driver does not answer."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    words = [command, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [float(line) * MIB / GB for line in answer.stdout.split("\n") if line.strip().isdigit()]
