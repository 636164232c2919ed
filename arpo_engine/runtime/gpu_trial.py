"""What the GPUs of this machine can do for the Python that runs this file, as one line of JSON. Judges nothing.

Run as a file, by a Python that may have none of our packages: `python gpu_trial.py [vllm] [flash_attn]` imports what is
named besides torch.
"""

from __future__ import annotations

import importlib
import json
import sys
from importlib import metadata
from typing import Any


def facts(packages: list[str]) -> dict[str, Any]:
    """Versions, GPUs, and whether a product of two matrices on each comes out right."""
    import torch

    found: dict[str, Any] = {"torch": torch.__version__, "cuda": torch.version.cuda, "packages": {}, "gpus": []}
    for name in packages:
        try:
            importlib.import_module(name)
            found["packages"][name] = metadata.version(name.replace("_", "-"))
        except Exception as error:  # noqa: BLE001 - whatever keeps a package from being imported is what is asked for
            found["packages"][name] = f"{type(error).__name__}: {error}"
    try:
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        found["gpus"] = [_gpu(number) for number in range(count)]
    except RuntimeError as error:
        found["fault"] = str(error)
    return found


def _gpu(number: int) -> dict[str, Any]:
    import torch

    about = torch.cuda.get_device_properties(number)
    with torch.device(f"cuda:{number}"):
        ones = torch.ones(256, 256, dtype=torch.bfloat16)
        right = bool(((ones @ ones).float() == 256).all())
    capability = [about.major, about.minor]
    return {"name": about.name, "memory_gb": about.total_memory / 2**30, "capability": capability, "computes": right}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(facts(sys.argv[1:])) + "\n")
