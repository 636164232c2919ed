"""What an imported run asks for, spread over its GPUs as the published code does it and as this engine does.

The arithmetic is that of every plan (`contract/plan/`); what the published code does differently is said here: weights,
gradients and moments are spread over all its GPUs by FSDP, layers' activations are computed again, vLLM samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.verdicts import Reading
from arpo_engine.contract.plan.known_models import shape_of
from arpo_engine.contract.plan.means import Means, means_of
from arpo_engine.contract.plan.memory import Row, memory_of
from arpo_engine.contract.plan.pace import OSWORLD
from arpo_engine.contract.plan.places import desktops_of, disk_of
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import TaskCounts, Work, runs_on_pocket, work_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """Memory of one component (GB); None where it has no such thing."""

    component: str
    there: float | None
    """On each of the GPUs that the script names, as the published code spreads it (desktops: on their hosts)."""
    here: float | None
    """On each device that this engine learns on."""
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run needs."""

    memory: tuple[MemoryRow, ...]
    gpus: int
    """GPUs that the script names."""
    rollouts: int
    """Episodes that are learnt from, over the whole run."""
    tries: int | None
    """Episodes of tasks.selection before them; None where the tasks cannot be counted."""
    measured: int | None
    """Episodes of validation; None where the tasks cannot be counted."""
    desktop_hours: float | None
    """Desktops busy with resets and steps, before the model's own time; None for pocket desktops."""
    least_hours: float | None
    """The same divided by the desktops: no run is over sooner."""
    frames_gb: float
    """Screenshots of all episodes."""
    frames_kept_gb: float
    """Of these, what frames.max_mb lets stay."""


def plan_of(config: RunConfig, reading: Reading) -> Plan:
    """Estimate what an imported run needs."""
    gpus = reading.whole("trainer.nnodes") * reading.whole("trainer.n_gpus_per_node")
    shape, means = shape_of(config.model.path), means_of(config)
    # Both lists of an import are those of its script: what is practised is measured as well.
    tasks = None if reading.tasks is None else TaskCounts(train=reading.tasks)
    work = work_of(config, shape, tasks)
    reset, action, _ = OSWORLD
    seconds = reset + work.turns * action
    hours = None if runs_on_pocket(config) else work.episodes * seconds / 3600
    disk = disk_of(config, work, means, shape)
    return Plan(
        memory=tuple(_memory(config, reading, shape, gpus)) if shape is not None else (),
        gpus=gpus,
        rollouts=work.rollouts,
        tries=work.tries,
        measured=work.measured,
        desktop_hours=hours,
        least_hours=None if hours is None else hours / config.desktops.count,
        frames_gb=disk.frames_gb,
        frames_kept_gb=disk.frames_kept_gb,
    )


def cautions_of(config: RunConfig) -> tuple[str, ...]:
    """What a person should know before starting it."""
    found = []
    shape = shape_of(config.model.path)
    if config.generator.kind == "vllm":
        found.append(
            "replies are sampled by vLLM, which ./arpo setup gpu installs; without it generator.kind=hf samples in the "
            "learner's process"
        )
    if shape is None and config.generator.kind != "openai":
        found.append(f"the size of {config.model.path} is not known by its name, so there is no memory plan")
    if config.desktops.kind == "osworld-docker":
        found.append(
            "desktops are OSWorld's official machines: they need a Docker engine, KVM, the image and its disk "
            "(desktops.disk), ./arpo setup osworld for the scoring, and the files of the tasks (./arpo assets fetch)"
        )
        if config.kind == "train":
            found.append(
                "to try the settings without any of this, let the small policy practise its own tasks: "
                "data.train_files=configs/tasks/pocket/train.json data.val_files=configs/tasks/pocket/held_out.json "
                "worker.actor.model.model_path=builtin:pocket agent.prompt=short model.dtype=float32"
            )
    if config.tasks.train == "test_success_middle_difficult":
        found.append(
            "the 32 tasks of test_success_middle_difficult were never published; give a list with data.train_files"
        )
    return tuple(found)


def _memory(config: RunConfig, reading: Reading, shape: ModelShape, gpus: int) -> Iterator[MemoryRow]:
    """Both sides beside each other; a component that one side lacks stands with the other's."""
    work, means = work_of(config, shape), means_of(config)
    there = {row.component: row for row in memory_of(shape, work, _published(means, work, reading, gpus))}
    here = {row.component: row for row in memory_of(shape, work, means)}
    for component in {**here, **there}:
        row = here.get(component) or there[component]
        yield MemoryRow(component=component, there=_gb(there, component), here=_gb(here, component), how=row.how)
    desktops = desktops_of(config)
    yield MemoryRow(
        component="desktops (main memory)", there=desktops.gb, here=desktops.gb,
        how=f"{desktops.count} of {desktops.gb / desktops.count:g} GB each",
    )  # fmt: skip


def _gb(rows: dict[str, Row], component: str) -> float | None:
    return rows[component].gb if component in rows else None


def _published(means: Means, work: Work, reading: Reading, gpus: int) -> Means:
    """How the published code spends memory: bfloat16 weights over its GPUs, one micro-batch of trajectories a pass."""
    shard = reading.get("worker.actor.fsdp.fsdp_size")
    shard = shard if isinstance(shard, int) and 0 < shard < gpus else gpus
    recomputes = reading.get("worker.actor.model.enable_gradient_checkpointing") is not False
    batch = reading.whole("worker.actor.micro_batch_size_per_device_for_update")
    return replace(
        means,
        ranks=gpus,
        shards=shard,
        apart=False,
        streams=False,
        checkpointing=recomputes,
        tower_checkpointing=recomputes,
        pass_tokens=batch * work.trajectory_tokens,
        sampler="vllm",
        engines=max(1, gpus // max(1, reading.whole("worker.rollout.tensor_parallel_size"))),
        engine_gpus=max(1, reading.whole("worker.rollout.tensor_parallel_size")),
        sleeps=True,
        offload=False,
        reference="held" if means.reference else "",
    )
