"""Whether a run can start here, said before it waits in a queue: each check is a fact, its weight, and the cure.

Runs where the run will run. Looks at files and starts one desktop; loads no weights.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import psutil

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig, VllmGeneratorConfig
from arpo_engine.contract.errors import ArpoError, ModelError
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import Reset
from arpo_engine.inference.vllm_home import vllm_python
from arpo_engine.models.folder import locate, read_json
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.task_source import find_source, load_tasks
from arpo_engine.types import Observation

MB = 1_000_000
LEAST_DISK_MB = 300
LEAST_MEMORY_MB = 1_500
"""Python, torch and transformers with a small model."""
MB_PER_DESKTOP = 2.0
BYTES_TO_TRAIN = 16
"""Per parameter: weights, gradients and two moments in float32."""
BYTES_TO_KEEP = 12
"""Per parameter in a checkpoint: weights and two moments."""

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One fact about this machine and this config."""

    name: str
    status: Status
    message: str
    cure: str = ""


async def preflight(config: RunConfig, *, run_dir: Path, executor: Executor) -> list[Check]:
    """All checks, in the order in which a person would mend them."""
    checks = [_packages(), await _guarded("model", _model, config), await _guarded("tasks", _tasks, config)]
    if checks[-1].status != "fail":
        checks.append(await _guarded("desktops", _desktops, config, executor))
    if isinstance(config.generator, VllmGeneratorConfig):
        checks.append(await _guarded("vllm", _vllm))
    parameters = _parameters(config)
    return [*checks, _disk(config, run_dir, parameters), _memory(config, parameters), _processor(config)]


def as_json(checks: list[Check]) -> dict[str, Any]:
    """For a program: `ok` is false when any check fails."""
    return {"ok": all(check.status != "fail" for check in checks), "checks": [asdict(check) for check in checks]}


async def _guarded(name: str, check: Callable[..., Awaitable[Check]], *arguments: Any) -> Check:
    """A check that may meet the very error that the run would meet; its text already says the cure."""
    try:
        return await check(*arguments)
    except ArpoError as error:
        message, _, cure = str(error).partition("; ")
        return Check(name, "fail", message, cure)


def _packages() -> Check:
    missing = [name for name in ("torch", "transformers", "PIL", "yaml", "rich") if find_spec(name) is None]
    if missing:
        return Check("packages", "fail", f"not installed: {', '.join(missing)}", "run ./arpo setup")
    return Check("packages", "ok", "all packages of the engine are installed")


async def _model(config: RunConfig) -> Check:
    if isinstance(config.generator, OpenAiGeneratorConfig):
        return await _served_model(config.generator)
    folder = locate(config.model.path)
    count = count_parameters(folder)
    read_json(folder / "config.json")
    return Check("model", "ok", f"{config.model.path}: {count / 1e6:.2f} million parameters in {folder}")


async def _served_model(config: OpenAiGeneratorConfig) -> Check:
    # Only here: a config that samples by itself needs no server, and the check above imports as little as it can.
    from arpo_engine.inference.openai import OpenAiGenerator

    generator = OpenAiGenerator(config)
    try:
        return Check("model", "ok", await generator.check())
    finally:
        await generator.close()


async def _vllm() -> Check:
    return Check("vllm", "ok", f"engines of vLLM will run with {vllm_python()}")


async def _tasks(config: RunConfig) -> Check:
    train, held_out = load_tasks(config)
    message = f"{len(train)} training tasks and {len(held_out)} held-out ones in {find_source(config.tasks.source)}"
    if config.kind == "train" and len(train) < config.rollout.tasks_per_step:
        cure = f"use rollout.tasks_per_step = {len(train)} or fewer, or more tasks"
        return Check("tasks", "warn", f"{message}: a step would hold the same task twice", cure)
    return Check("tasks", "ok", message)


async def _desktops(config: RunConfig, executor: Executor) -> Check:
    task: Task = load_tasks(config)[0][0]
    started = time.monotonic()
    one = config.desktops.model_copy(update={"count": 1})
    try:
        hosts = await executor.start_desktops(one)
        async with asyncio.timeout(config.desktops.reset_timeout_s):
            seen = await hosts[0].call(0, Reset(task))
    except TimeoutError:
        message = f"a desktop did not begin a task within {config.desktops.reset_timeout_s:g} s"
        return Check("desktops", "fail", message, "give the machine less to do, or raise desktops.reset_timeout_s")
    finally:
        await executor.close()
    if not isinstance(seen, Observation):
        return Check("desktops", "fail", "a desktop gave no screenshot", "see the log of the desktop process")
    height, width = seen.pixels.shape[:2]
    seconds = time.monotonic() - started
    return Check("desktops", "ok", f"a desktop of {width}x{height} started and began a task in {seconds:.1f} s")


def _disk(config: RunConfig, run_dir: Path, parameters: int) -> Check:
    folder = next(path for path in [run_dir, *run_dir.absolute().parents] if path.exists())
    free = shutil.disk_usage(folder).free / MB
    checkpoints = (config.checkpoint.keep + 3) * parameters * BYTES_TO_KEEP / MB
    wanted = config.frames.max_mb + checkpoints + LEAST_DISK_MB
    message = f"{free:,.0f} MB free for {run_dir}; this run may write {wanted:,.0f} MB"
    if free < LEAST_DISK_MB + checkpoints:
        return Check("disk", "fail", message, "make room, or give another folder with --run-dir")
    if free < wanted:
        return Check("disk", "warn", message, "lower frames.max_mb or checkpoint.keep, or make room")
    return Check("disk", "ok", message)


def _memory(config: RunConfig, parameters: int) -> Check:
    available = psutil.virtual_memory().available / MB
    wanted = LEAST_MEMORY_MB + config.desktops.count * MB_PER_DESKTOP + parameters * BYTES_TO_TRAIN / MB
    message = f"{available:,.0f} MB of memory available; this run needs about {wanted:,.0f} MB"
    if available < wanted:
        return Check("memory", "fail", message, "close other programs, use a smaller model or fewer desktops")
    return Check("memory", "ok", message)


def _processor(config: RunConfig) -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = os.getloadavg()[0]
    gpu = "an NVIDIA GPU" if shutil.which("nvidia-smi") else "no NVIDIA GPU"
    message = f"{cores} processor cores, {busy:.1f} of them busy, and {gpu}"
    if config.model.path != "builtin:pocket" and gpu.startswith("no"):
        return Check("processor", "warn", message, "a model of billions of parameters needs a GPU to train")
    if busy > cores:
        return Check("processor", "warn", message, "it will be slow; wait until other programs have ended")
    return Check("processor", "ok", message)


def _parameters(config: RunConfig) -> int:
    try:
        return count_parameters(locate(config.model.path))
    except ArpoError:
        return 0


def count_parameters(folder: Path) -> int:
    """Parameters by the headers of a folder's safetensors files; no weights are read."""
    return sum(_numbers_in(path) for path in sorted(folder.glob("*.safetensors")))


def _numbers_in(path: Path) -> int:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, struct.error, KeyError, TypeError, MemoryError, OverflowError) as error:
        raise ModelError(f"{path} is no safetensors file ({error}); copy the model folder again") from error
