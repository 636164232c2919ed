"""Which Python has vLLM, and what its processes need in their environment. Must import nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from arpo_engine.contract.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "ARPO_VLLM_PYTHON"
"""Environment variable that names a Python with vLLM. Never a setting of a run: a run may come from the web."""
OWN = tuple(ROOT / name / "bin" / "python" for name in (".venv-vllm-gpu", ".venv-vllm-cpu"))
"""Where `./arpo setup gpu` and `./arpo setup vllm-cpu` put it."""
ALWAYS = {
    # The model's folder is given; nothing is looked up elsewhere, and nobody is told.
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    # On a CPU: as many threads as OMP_NUM_THREADS says, wherever there is room, so that replicas share the cores.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "TOKENIZERS_PARALLELISM": "false",
}
NO_GPU = {
    # vLLM compiles some of its sampler even where it was told not to; with a C++ compiler that takes a minute on a CPU.
    "TORCH_COMPILE_DISABLE": "1",
}
QUIET = {"VLLM_LOGGING_LEVEL": "WARNING", "OMP_NUM_THREADS": "1"}
"""Unless the environment says otherwise."""


def vllm_python() -> Path:
    """The Python that runs vLLM: the one that is named, this one, or the one of `./arpo setup gpu` or `vllm-cpu`.

    Raises:
        ModelError: there is none.
    """
    named = os.environ.get(PYTHON)
    if named:
        if not os.access(named, os.X_OK):
            raise ModelError(f"{PYTHON} is {named}, which is no program; name a Python that has vLLM, or unset it")
        return Path(named)
    if find_spec("vllm") is not None:
        return Path(sys.executable)
    for own in OWN:
        if os.access(own, os.X_OK):
            return own
    raise ModelError(
        "generator.kind is vllm, and there is no vLLM here; without a GPU run ./arpo setup vllm-cpu, with one "
        f"./arpo setup gpu, or name a Python that has vLLM with {PYTHON}"
    )


def environment(devices: str | None) -> Mapping[str, str]:
    """What an engine process is started with; `devices` are the GPUs that it may see."""
    here = NO_GPU if devices is None else {"CUDA_VISIBLE_DEVICES": devices}
    return {**QUIET, **os.environ, **ALWAYS, **here, "PYTHONPATH": str(ROOT)}


def devices_of(replica: int, tensor_parallel: int, gpus: int) -> str | None:
    """The GPUs of a replica, in turn, as `CUDA_VISIBLE_DEVICES` names them; None where there are none.

    Raises:
        ModelError: one replica alone needs more than there are.
    """
    if not gpus:
        return None
    if tensor_parallel > gpus:
        raise ModelError(
            f"generator.tensor_parallel is {tensor_parallel}, and this machine shows {gpus} GPUs; use {gpus} or fewer"
        )
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = listed.split(",") if listed else [str(number) for number in range(gpus)]
    first = replica * tensor_parallel
    return ",".join(names[(first + place) % gpus] for place in range(tensor_parallel))
