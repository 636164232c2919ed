"""What an imported run asks for: memory of each component, hours of desktops, disk for screenshots.

Estimates from the settings and the model's name alone; each says its assumption. Knows no machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.faults import TOKENS_PER_SCREENSHOT
from arpo_engine.contract.config.verl.shapes import OSWORLD_PIXELS, POCKET_PIXELS, ModelShape, shape_of
from arpo_engine.contract.config.verl.verdicts import Reading

GB = 1e9
TOKENS_PER_REPLY = 120
POCKET_TOKENS_PER_SCREENSHOT = 52
RESET_S, STEP_S = 60.0, 3.0
"""OSWorld sleeps 60 s after a reset; a step takes 3 s with its pause and its screenshot (seconds)."""
BYTES_PER_PIXEL = 0.07
"""A desktop's screenshot as WebP of quality 80: about 150 kB at 1920 x 1080."""
VM_GB = 4.0
"""Memory of one of OSWorld's virtual machines (RAM_SIZE=4G)."""
POCKET_GB = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """Memory of one component (GB); None where it has no such thing."""

    component: str
    there: float | None
    """On each of the GPUs that the script names, as the published code spreads it (desktops: on their hosts)."""
    here: float | None
    """On the one device that this engine learns on."""
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run needs."""

    memory: tuple[MemoryRow, ...]
    gpus: int
    """GPUs that the script names."""
    rollouts: int
    """Episodes that are learnt from, over the whole run."""
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
    rollouts = config.limits.steps * config.rollout.tasks_per_step * config.rollout.group_size
    measured = _measured(config, reading)
    pocket = runs_on_pocket(config)
    seconds = RESET_S + config.rollout.max_steps * STEP_S
    hours = None if pocket else (rollouts + (measured or 0)) * seconds / 3600
    pixels = POCKET_PIXELS if pocket else OSWORLD_PIXELS
    frames = (rollouts + (measured or 0)) * config.rollout.max_steps * pixels * BYTES_PER_PIXEL / GB
    shape = shape_of(config.model.path)
    return Plan(
        memory=tuple(_memory(config, reading, shape, gpus)) if shape is not None else (),
        gpus=gpus,
        rollouts=rollouts,
        measured=measured,
        desktop_hours=hours,
        least_hours=None if hours is None else hours / config.desktops.count,
        frames_gb=frames,
        frames_kept_gb=min(frames / config.frames.sample_every, config.frames.max_mb / 1000),
    )


def runs_on_pocket(config: RunConfig) -> bool:
    """Whether the tasks are those of the small desktop that ships with the engine."""
    return "pocket" in PurePosixPath(config.tasks.source).parts


def obstacles_of(config: RunConfig) -> tuple[str, ...]:
    """What keeps an imported run from starting in this engine, each with what can be done."""
    if runs_on_pocket(config):
        return ()
    return (
        f"{config.tasks.source} holds tasks of OSWorld's machines, and the only desktops of this engine are `pocket`; "
        "until it has others, try the settings on its own tasks: data.train_files=configs/tasks/pocket/train.json "
        "data.val_files=configs/tasks/pocket/held_out.json worker.actor.model.model_path=builtin:pocket "
        "agent.prompt=short model.dtype=float32",
    )


def cautions_of(config: RunConfig) -> tuple[str, ...]:
    """What a person should know before starting it."""
    found = []
    shape = shape_of(config.model.path)
    if shape is not None and shape.parameters > 1e9:
        found.append(
            f"{config.model.path} has {shape.parameters / 1e9:.1f} billion parameters, and generator.kind=hf "
            "samples on the learner's one device; the memory plan says what that takes. generator.kind=vllm samples in "
            "processes of its own"
        )
    if shape is None:
        found.append(f"the size of {config.model.path} is not known by its name, so there is no memory plan")
    if config.tasks.train == "test_success_middle_difficult":
        found.append(
            "the 32 tasks of test_success_middle_difficult were never published; give a list with data.train_files"
        )
    return tuple(found)


def _measured(config: RunConfig, reading: Reading) -> int | None:
    if config.validation.every_steps == 0:
        return 0
    if reading.tasks is None:
        return None
    rounds = 2 + (config.limits.steps - 1) // config.validation.every_steps
    return rounds * reading.tasks * config.validation.attempts


def _memory(config: RunConfig, reading: Reading, shape: ModelShape, gpus: int) -> Iterator[MemoryRow]:
    shard = reading.get("worker.actor.fsdp.fsdp_size")
    shard = shard if isinstance(shard, int) and 0 < shard < gpus else gpus
    tensor_parallel = max(1, reading.whole("worker.rollout.tensor_parallel_size"))
    width = 2 if config.model.dtype == "bfloat16" else 4
    weights = shape.parameters * width / GB
    offloaded = (
        ", in the computer's memory while sampling" if reading.get("worker.actor.offload.offload_params") else ""
    )
    lora = config.model.lora
    said = "weights, with an adapter" if lora.rank else "weights that learn"
    yield MemoryRow(component=said, there=weights / shard, here=weights, how=f"{width} bytes a weight{offloaded}")
    yield from _of_learning(config, shape, width, shard)
    if config.algorithm.kl.place != "off" and not (lora.rank and config.algorithm.kl.reference is None):
        yield MemoryRow(
            component="reference policy",
            there=shape.parameters * 2 / GB / shard,
            here=weights,
            how="for the KL distance",
        )
    yield from _of_trajectories(config, reading, shape, width, gpus)
    yield MemoryRow(
        component="weights that sample", there=shape.parameters * 2 / GB / tensor_parallel, here=None,
        how=f"vLLM in bfloat16 over {tensor_parallel} GPUs; here the learner's own weights sample",
    )  # fmt: skip
    count = config.desktops.count
    each = POCKET_GB if runs_on_pocket(config) else VM_GB
    yield MemoryRow(
        component="desktops (main memory)", there=count * each, here=count * each, how=f"{count} of {each:g} GB each"
    )


def _of_learning(config: RunConfig, shape: ModelShape, width: int, shard: int) -> Iterator[MemoryRow]:
    """What grows with the number of weights that learn: all, those of the language model, or an adapter's."""
    model, kind = config.model, config.optimizer.kind
    learnt, which = shape.parameters, "weight"
    if model.lora.rank:
        learnt = shape.adapter(model.lora.rank, model.lora.targets, vision=not model.freeze_vision)
        width, which = 4, "number of the adapter"
        held = learnt * width / GB
        yield MemoryRow(
            component="adapter (LoRA)", there=held / shard, here=held,
            how=f"{learnt / 1e6:.1f} million numbers of rank {model.lora.rank}, {width} bytes each",
        )  # fmt: skip
    elif model.freeze_vision:
        learnt, which = shape.parameters - shape.vision, "weight of the language model"
    gradients, moments = learnt * width / GB, learnt * (6 if kind == "adamw_bf16" else 2 * width) / GB
    yield MemoryRow(component="gradients", there=gradients / shard, here=gradients, how=f"{width} bytes a {which}")
    yield MemoryRow(component="optimizer", there=moments / shard, here=moments, how=f"moments of {kind}")


def _of_trajectories(
    config: RunConfig, reading: Reading, shape: ModelShape, width: int, gpus: int
) -> Iterator[MemoryRow]:
    """What grows with the length of a trajectory (tokens)."""
    screenshot = POCKET_TOKENS_PER_SCREENSHOT if runs_on_pocket(config) else TOKENS_PER_SCREENSHOT
    tokens = config.rollout.max_steps * (screenshot + TOKENS_PER_REPLY)
    tokens = min(tokens, config.algorithm.max_learnt_tokens or tokens)
    length = f"{tokens:,} tokens: {config.rollout.max_steps} screenshots of {screenshot:,} and replies"
    batch = reading.whole("worker.actor.micro_batch_size_per_device_for_update")
    layers = tokens * shape.layers * shape.hidden
    yield MemoryRow(
        component="activations", there=batch * layers * 2 / GB, here=layers * width / GB,
        how=f"at least, inputs of the layers of a trajectory of {length}",
    )  # fmt: skip
    yield MemoryRow(
        component="logits",
        there=batch * tokens * shape.vocabulary * 2 / GB,
        here=tokens * shape.vocabulary * width / GB,
        how="at least, of one trajectory if computed at once",
    )  # fmt: skip
    cache = tokens * shape.kv_values_per_token / GB
    at_once = config.desktops.count
    there = -(-config.desktops.count // gpus)
    yield MemoryRow(
        component="cache of contexts", there=there * cache * 2, here=at_once * cache * width,
        how=f"keys and values of {there} trajectories a GPU there, {at_once} at once here",
    )  # fmt: skip
