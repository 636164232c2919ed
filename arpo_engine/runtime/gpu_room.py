"""GPUs that a run takes, held against those that there are: arithmetic for preflight. Asks nobody; starts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.generators import VllmGeneratorConfig
from arpo_engine.contract.plan.planning import Machine

KIND: Final = "accelerator_type:"
"""Prefix of the resource by which a Ray node says which GPUs it has."""
MEMORY_GB: Final[Mapping[str, float]] = {
    "T4": 16, "L4": 24, "A10G": 24, "RTX-3090": 24, "RTX-4090": 24, "V100": 16, "A100": 40, "A100-40G": 40,
    "L40S": 48, "A100-80G": 80, "H100": 80, "H20": 96, "H200": 141, "B200": 180,
}  # fmt: skip
"""By the names that Ray gives them; where one name stands for several sizes, the smallest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """GPUs that ranks of a learner may have."""

    total: int
    free: int
    """Those that nobody has reserved."""
    where: str
    """In words."""
    memory_gb: float | None = None
    """Of the smallest; None where it is not known, or where they are those of this machine, which can be asked."""


def smallest_memory(resources: Iterable[str]) -> float | None:
    """Memory of the smallest GPU of a cluster by the names of its resources; None where a kind is not known."""
    sizes = [MEMORY_GB.get(name.removeprefix(KIND)) for name in resources if name.startswith(KIND)]
    known = [size for size in sizes if size is not None]
    return min(known) if known and len(known) == len(sizes) else None


def machine_of_ranks(here: Machine, gpus: Gpus) -> Machine:
    """What a plan is held against where ranks learn on these GPUs, whatever this machine itself has."""
    size = gpus.memory_gb if gpus.memory_gb is not None else here.gpu_gb
    return replace(here, gpus=gpus.total, gpu_gb=size)


def shortage(config: RunConfig, gpus: Gpus) -> tuple[str, str] | None:
    """Why GPUs are short, and what to do; None where there are enough, or where none are used.

    Engines of vLLM run beside the run's own process, on GPUs that a cluster does not count as theirs.
    """
    ranks, generator = config.learner.ranks, config.generator
    if not gpus.total or config.learner.backend == "gloo":
        return None
    held = gpus.total - gpus.free
    if ranks > gpus.free:
        fact = f"{ranks} ranks take a GPU each, and of the {gpus.total} of {gpus.where} others hold {held} now"
        return fact, "wait for other runs to end; ranks that do not start within learner.start_timeout_s end the run"
    if not isinstance(generator, VllmGeneratorConfig) or generator.sleep:
        return None
    engines = generator.replicas * generator.tensor_parallel
    if ranks + engines <= gpus.free:
        return None
    fact = (
        f"{ranks} GPUs for ranks and {engines} for engines of vLLM are {ranks + engines}, and {gpus.where} has "
        f"{gpus.free} free: some learn and sample, and an engine never gives back its {generator.memory_share:.0%}"
    )
    return fact, "use generator.sleep = true, or fewer learner.ranks or generator.replicas"
