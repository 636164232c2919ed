"""The plan of a run on a machine: memory against what there is, work, hours, desktops, disk.

Pure arithmetic on a config, a model's shape and the numbers of a machine. Measures nothing, loads nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from arpo_engine.contract.config.generators import VllmGeneratorConfig
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.plan.known_models import shape_of
from arpo_engine.contract.plan.means import Means, means_of
from arpo_engine.contract.plan.memory import MOMENTS, Moment, Row, by_moment, memory_of
from arpo_engine.contract.plan.pace import Hours, Pace, hours_of, pace_of
from arpo_engine.contract.plan.places import Desktops, Disk, desktops_of, disk_of
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import TaskCounts, Work, work_of

FRAMEWORK_GB = 1.5
"""On a GPU: the context of CUDA, kernels and libraries."""
PROCESS_GB = 1.0
"""In the computer's memory: Python, torch and transformers, of the run and of its desktops."""
USABLE = 0.95
"""Share of a GPU's memory that tensors can take: the allocator leaves gaps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a plan is held against."""

    gpus: int = 0
    """GPUs that may learn; 0: a processor learns."""
    gpu_gb: float = 80.0
    """Memory of each."""
    memory_gb: float | None = None
    """The computer's own; None: not known, and then it is not held against anything."""
    cores: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run needs."""

    model: str
    parameters: int | None
    """None: the model's shape is not known, and there is no memory plan."""
    machine: Machine
    work: Work
    memory: tuple[Row, ...]
    gpu_gb: float
    """On the fullest GPU, at the worst moment; on a processor all of it is part of `memory_gb`."""
    worst: Moment
    """When that is."""
    memory_gb: float
    """The computer's memory, desktops left out."""
    pace: Pace
    hours: Hours
    desktops: Desktops
    disk: Disk

    @property
    def fits(self) -> bool:
        """Whether there is room for it; a model that is not known is not judged."""
        return self.too_large is None

    @property
    def too_large(self) -> str | None:
        """Which memory is too small, and the largest component of the worst moment; None where everything fits."""
        if self.parameters is None:
            return None
        if self.machine.gpus and self.gpu_gb > self.machine.gpu_gb * USABLE:
            return (
                f"{self.gpu_gb:,.1f} GB on a GPU of {self.machine.gpu_gb:,.0f} GB while {self.worst}; "
                f"{_named(self.largest('gpu'))}"
            )
        if self.memory_excess > 0:
            room = f"{self.machine.memory_gb:,.1f} GB"
            return f"{self.whole_memory_gb:,.1f} GB of the computer's {room}; {_named(self.largest('memory'))}"
        return None

    @property
    def whole_memory_gb(self) -> float:
        """The computer's memory, with those desktops that run on it."""
        return self.memory_gb + (self.desktops.gb if self.desktops.here else 0.0)

    @property
    def memory_excess(self) -> float:
        """GB that the computer lacks; negative where there is room, or where nothing is known of it."""
        return -math.inf if self.machine.memory_gb is None else self.whole_memory_gb - self.machine.memory_gb

    def largest(self, place: str) -> Row:
        """The component that takes most at the worst moment."""
        now = [row for row in self.memory if row.phase in MOMENTS[self.worst]]
        return max((row for row in now if row.place == place or not self.machine.gpus), key=lambda row: row.gb)


def _named(row: Row) -> str:
    return f"most of it is {row.component}: {row.gb:,.1f} GB ({row.how})"


def plan_of(
    config: RunConfig,
    machine: Machine,
    *,
    shape: ModelShape | None = None,
    tasks: TaskCounts | None = None,
    pace: Pace | None = None,
) -> Plan:
    """Plan a run; the shape is known by the model's name where none is given. A run that keeps to processors takes no
    GPU, whatever there is."""
    config = config.as_it_runs()
    if config.learner.backend == "gloo" and not isinstance(config.generator, VllmGeneratorConfig):
        machine = replace(machine, gpus=0)
    shape = shape or shape_of(config.model.path)
    work, means = work_of(config, shape, tasks), _means(config, machine)
    rows = memory_of(shape, work, means) if shape is not None else ()
    on_gpu, in_memory = by_moment(rows, "gpu"), by_moment(rows, "memory")
    worst = max(on_gpu, key=lambda moment: on_gpu[moment])
    largest_gpu, largest_memory = on_gpu[worst], max(in_memory.values())
    pace = pace or pace_for(config, machine)
    return Plan(
        model=config.model_name,
        parameters=shape.parameters if shape is not None else None,
        machine=machine,
        work=work,
        memory=rows,
        gpu_gb=largest_gpu + FRAMEWORK_GB if machine.gpus else 0.0,
        worst=worst,
        memory_gb=largest_memory + PROCESS_GB + (0.0 if machine.gpus else largest_gpu * means.ranks),
        pace=pace,
        hours=hours_of(config, work, means, shape, pace),
        desktops=desktops_of(config),
        disk=disk_of(config, work, means, shape),
    )


def pace_for(config: RunConfig, machine: Machine) -> Pace:
    """What is assumed of a run on this machine."""
    return pace_of(config, on_gpu=machine.gpus > 0, cores=machine.cores)


def _means(config: RunConfig, machine: Machine) -> Means:
    means = means_of(config)
    if isinstance(config.generator, VllmGeneratorConfig) and machine.gpus:
        return replace(means, engine_gb=machine.gpu_gb * config.generator.memory_share)
    return means
