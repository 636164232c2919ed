"""What one step of learning cost: seconds of its parts, and the most memory that was held. Knows clocks, no losses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

MB = 1_000_000


class Effort:
    """Filled while a step is learnt from. On a GPU a part ends when its work has ended, not when it was asked for."""

    def __init__(self, device: torch.device) -> None:
        self._gpu = device if device.type == "cuda" else None
        self._seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time of the block to a part."""
        started = time.monotonic()
        try:
            yield
        finally:
            if self._gpu is not None:
                torch.cuda.synchronize(self._gpu)
            self._seconds[name] = self._seconds.get(name, 0.0) + time.monotonic() - started

    def values(self) -> dict[str, float]:
        """By metric key: `time/<part>_s`; memory of the machine now, and the GPU's peaks since the start (MB)."""
        found = {f"time/{name}_s": seconds for name, seconds in self._seconds.items()}
        found["memory/host_used_mb"] = psutil.virtual_memory().used / MB
        if self._gpu is not None:
            found["memory/gpu_peak_allocated_mb"] = torch.cuda.max_memory_allocated(self._gpu) / MB
            found["memory/gpu_peak_reserved_mb"] = torch.cuda.max_memory_reserved(self._gpu) / MB
        return found
