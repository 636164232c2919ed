"""Which device learns: how many GPUs there are, not what is computed on them. Asks torch only where that computes."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from arpo_engine.contract.config.ranks import RanksConfig
from arpo_engine.contract.errors import ConfigError

if TYPE_CHECKING:
    import torch

LISTING_TIMEOUT_S = 20.0


def check_ranks(config: RanksConfig, gpus: int, where: str) -> None:
    """Whether ranks find their devices.

    Raises:
        ConfigError: GPUs are asked for that are not there.
    """
    if config.backend == "gloo" or (config.backend == "auto" and gpus == 0):
        return
    if gpus < config.ranks:
        fewer = f"learner.ranks={gpus}" if gpus else "learner.backend=gloo (ranks then learn on processors)"
        raise ConfigError(
            f"learner.ranks is {config.ranks}, one GPU each, and {where} has {gpus or 'none'}; use {fewer}, or a "
            "machine or cluster that has them"
        )


def own_device(config: RanksConfig) -> torch.device:
    """Where the process of the run itself computes: the first GPU, if there is one that may be used."""
    import torch

    return torch.device("cuda:0" if config.backend != "gloo" and torch.cuda.is_available() else "cpu")


def gpus_allowed() -> int | None:
    """GPUs that this process may use by CUDA_VISIBLE_DEVICES; None where it does not say."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return None if visible is None else len([name for name in visible.split(",") if name.strip() not in ("", "-1")])


def gpus_here() -> int:
    """NVIDIA GPUs of this machine that may be used, without torch."""
    allowed = gpus_allowed()
    if allowed is not None:
        return allowed
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=LISTING_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def cores_here() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
