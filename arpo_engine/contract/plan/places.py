"""What a run needs besides its model: memory and processors of desktops, and the disk."""

from __future__ import annotations

import math
from dataclasses import dataclass

from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.plan.means import Means
from arpo_engine.contract.plan.memory import GB, learnt
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import Work, runs_on_pocket

POCKET_GB, POCKET_CORES = 0.002, 0.02
DISPLAY_GB, DISPLAY_CORES = 0.35, 0.5
"""A virtual display with LibreOffice open in it, in a container or not, and its share of a spare; it is busy while
it is acted on."""
MACHINE_GB, MACHINE_CORES = 4.0, 4.0
"""One of OSWorld's virtual machines as its Docker provider starts it (RAM_SIZE=4G, CPU_CORES=4), and in VMware."""
BYTES_PER_PIXEL = 0.07
"""A desktop's screenshot as WebP of quality 80: about 150 kB at 1920 x 1080."""
BESIDE_KEPT = 3
"""Checkpoints beside the newest ones: the best, the last, and one that is being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desktops:
    """Of all desktops together, on the machines that they run on."""

    count: int
    gb: float
    cores: float
    here: bool
    """Whether they take it of the computer that the run is on; machines of OSWorld usually have hosts of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What a run writes (GB)."""

    checkpoint_gb: float
    """One checkpoint: what learns, and its moments."""
    checkpoints: int
    export_gb: float
    """The policy as a complete model folder."""
    frames_gb: float
    """Screenshots of all episodes."""
    frames_kept_gb: float
    """Of these, what frames.sample_every and frames.max_mb let stay."""

    @property
    def models_gb(self) -> float:
        """Checkpoints and exports."""
        return self.checkpoint_gb * self.checkpoints + self.export_gb

    @property
    def total_gb(self) -> float:
        """All of it."""
        return self.models_gb + self.frames_kept_gb


def desktops_of(config: RunConfig) -> Desktops:
    """Tasks of OSWorld need its machines, whatever the desktops are called."""
    count = config.desktops.count
    if config.desktops.kind in ("xvfb", "docker"):
        return Desktops(count=count, gb=count * DISPLAY_GB, cores=count * DISPLAY_CORES, here=True)
    if config.desktops.kind == "osworld-docker":
        # A spare has booted, and so it holds all of its memory; it is idle until it is taken.
        spares = math.ceil(count / config.desktops.per_process) * config.desktops.spares
        gb, cores = float(config.desktops.memory_gb), float(config.desktops.cpus)
        return Desktops(count=count, gb=(count + spares) * gb, cores=count * cores, here=True)
    if config.desktops.kind == "vmware":
        return Desktops(count=count, gb=count * MACHINE_GB, cores=count * MACHINE_CORES, here=True)
    pocket = runs_on_pocket(config)
    gb, cores = (POCKET_GB, POCKET_CORES) if pocket else (MACHINE_GB, MACHINE_CORES)
    return Desktops(count=count, gb=count * gb, cores=count * cores, here=pocket)


def disk_of(config: RunConfig, work: Work, means: Means, shape: ModelShape | None) -> Disk:
    """Estimate; without a shape no checkpoint is counted."""
    width, height = work.screen
    frames = work.episodes * work.turns * width * height * BYTES_PER_PIXEL / GB
    kept = min(frames / config.frames.sample_every, config.frames.max_mb / 1000)
    checkpoint = export = 0.0
    if shape is not None and means.trains:
        numbers, each = learnt(shape, means), 4 if means.rank else means.width
        moments = numbers * (6 if means.small_moments else 2 * each)
        weights = numbers * each if means.rank else shape.parameters * means.width
        checkpoint, export = (weights + moments) / GB, shape.parameters * means.width / GB if means.rank else 0.0
    return Disk(
        checkpoint_gb=checkpoint,
        checkpoints=config.checkpoint.keep + BESIDE_KEPT if means.trains else 0,
        export_gb=export,
        frames_gb=frames,
        frames_kept_gb=kept,
    )
