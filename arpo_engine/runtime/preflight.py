"""Whether a run can start here, said before it waits in a queue: each check is a fact, its weight, and the cure.

Runs where the run will run. Looks at files and starts one desktop; loads no weights.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig, OracleGeneratorConfig, VllmGeneratorConfig
from arpo_engine.contract.errors import KeyRefused
from arpo_engine.contract.secrets import promised
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.host import Reset
from arpo_engine.inference.vllm_home import vllm_python
from arpo_engine.models.counting import count_parameters
from arpo_engine.models.folder import family_of, locate
from arpo_engine.runtime.agent_fit import described, mismatch
from arpo_engine.runtime.devices import check_ranks, cores_here
from arpo_engine.runtime.executor import Executor
from arpo_engine.runtime.gpu_room import Gpus, machine_of_ranks, shortage
from arpo_engine.runtime.guarded import Check, guarded
from arpo_engine.runtime.hardware import this_machine
from arpo_engine.runtime.mirrors import checks as mirrors
from arpo_engine.runtime.plan_checks import judge_plan
from arpo_engine.runtime.task_checks import check_tasks
from arpo_engine.runtime.task_source import find_source, load_tasks
from arpo_engine.trainer.hub import obstacle
from arpo_engine.types import Observation


async def preflight(config: RunConfig, *, run_dir: Path, executor: Executor) -> list[Check]:
    """All checks, in the order in which a person would mend them. One that raises is told, and ends no other."""
    model = await guarded("model", _model, config)
    checks = [await guarded("packages", _packages, config), model]
    if model.status != "fail" and not isinstance(config.generator, OpenAiGeneratorConfig | OracleGeneratorConfig):
        checks.append(await guarded("agent", _agent, config))
    checks += await _of_tasks(config, executor)
    if isinstance(config.generator, VllmGeneratorConfig):
        checks.append(await guarded("vllm", _vllm))
    gpus = await guarded("ranks", _gpus, executor) if config.kind == "train" and config.learner.spread else None
    if gpus is not None:
        checks.append(gpus if isinstance(gpus, Check) else await guarded("ranks", _ranks, config, gpus))
    if config.kind == "train" and config.checkpoint.push_to is not None:
        checks.append(await guarded("hub", _hub, config))
    checks += _rows(await guarded("plan", _planned, config, run_dir, gpus))
    checks.append(await guarded("processor", _processor, config))
    return [*checks, *([await guarded("mirrors", check_mirrors, config)] if config.records.mirrors else [])]


async def _of_tasks(config: RunConfig, executor: Executor) -> list[Check]:
    """The tasks, what they need, and a desktop that begins one."""
    tasks = await guarded("tasks", _tasks, config)
    if tasks.status == "fail":
        return [tasks]
    needs = await guarded("task needs", _needs, config) if config.desktops.kind != "pocket" else []
    return [tasks, *_rows(needs), await guarded("desktops", _desktops, config, executor)]


def _rows(found: list[Check] | Check) -> list[Check]:
    return [found] if isinstance(found, Check) else found


def as_json(checks: list[Check]) -> dict[str, Any]:
    """For a program: `ok` is false when any check fails."""
    return {"ok": all(check.status != "fail" for check in checks), "checks": [asdict(check) for check in checks]}


async def _packages(config: RunConfig) -> Check:
    needed = ["torch", "transformers", "PIL", "yaml", "rich", *(["peft"] if config.model.lora.rank else [])]
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        return Check("packages", "fail", f"not installed: {', '.join(missing)}", "run ./arpo setup")
    return Check("packages", "ok", "all packages of the engine are installed")


async def check_mirrors(config: RunConfig) -> Check:
    """A tracker that is not there is no reason not to start: the run's own events have every number."""
    missing = mirrors.missing_packages(config.records)
    if missing:
        return Check("mirrors", "warn", f"not installed: {', '.join(missing)}", mirrors.cure())
    return Check("mirrors", "ok", mirrors.destinations(config.records))


async def _model(config: RunConfig) -> Check:
    if isinstance(config.generator, OpenAiGeneratorConfig):
        return await _served_model(config.generator)
    if isinstance(config.generator, OracleGeneratorConfig):
        return Check("model", "ok", "none: each task's own oracle acts")
    folder = locate(config.model.path)
    kind, count = family_of(folder).title, count_parameters(folder)
    return Check("model", "ok", f"{config.model.path}: a {kind} of {count / 1e6:.2f} million parameters in {folder}")


async def _agent(config: RunConfig) -> Check:
    family = family_of(locate(config.model.path))
    found = mismatch(config.agent, family)
    if found is not None:
        return Check("agent", "warn", *found)
    return Check("agent", "ok", f"{described(config.agent)} says places as a {family.title} was taught to")


async def _served_model(config: OpenAiGeneratorConfig) -> Check:
    # Only here: a config that samples by itself needs no server, and the check above imports as little as it can.
    from arpo_engine.inference.openai import OpenAiGenerator

    generator = OpenAiGenerator(config)
    try:
        return Check("model", "ok", await generator.check())
    except KeyRefused:
        if config.api_key_env not in promised(os.environ) or os.environ.get(config.api_key_env):
            raise
        # Secrets are given to runs, not to checks.
        said = f"a server answers and wants the key that the console gives as {config.api_key_env} when the run begins"
        return Check("model", "ok", said)
    finally:
        await generator.close()


async def _vllm() -> Check:
    return Check("vllm", "ok", f"engines of vLLM will run with {vllm_python()}")


async def _gpus(executor: Executor) -> Gpus:
    """Where ranks will learn, which need not be this machine."""
    try:
        return executor.gpus()
    finally:
        await executor.close()


async def _ranks(config: RunConfig, gpus: Gpus) -> Check:
    learner = config.learner
    check_ranks(learner, gpus.total, gpus.where)
    short = shortage(config, gpus)
    if short is not None:
        return Check("ranks", "warn", *short)
    if gpus.total and learner.backend != "gloo":
        return Check("ranks", "ok", f"{learner.ranks} ranks learn, one GPU each; {gpus.where} has {gpus.total}")
    cores, message = cores_here(), f"{learner.ranks} ranks learn on processors"
    if learner.ranks > cores:
        cure = f"use learner.ranks = {cores} or fewer (what is learnt stays the same), or a machine with GPUs"
        return Check("ranks", "warn", f"{message}, and this machine has {cores} cores", cure)
    return Check("ranks", "ok", message)


async def _tasks(config: RunConfig) -> Check:
    train, held_out = load_tasks(config)
    message = f"{len(train)} training tasks and {len(held_out)} held-out ones in {find_source(config.tasks.source)}"
    if config.kind == "train" and len(train) < config.rollout.tasks_per_step:
        cure = f"use rollout.tasks_per_step = {len(train)} or fewer, or more tasks"
        return Check("tasks", "warn", f"{message}: a step would hold the same task twice", cure)
    return Check("tasks", "ok", message)


async def _needs(config: RunConfig) -> list[Check]:
    tasks = [task for split in load_tasks(config) for task in split]
    return [Check(*finding) for finding in check_tasks(tasks, config.desktops, config.tasks.source)]


async def _desktops(config: RunConfig, executor: Executor) -> Check:
    task: Task = load_tasks(config)[0][0]
    started = time.monotonic()
    one = config.desktops.model_copy(update={"count": 1, "min_count": None})
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


async def _hub(config: RunConfig) -> Check:
    reason = obstacle(config.checkpoint)
    if reason is not None:
        message, _, cure = reason.partition("; ")
        return Check("hub", "fail", message, cure)
    kind = "private" if config.checkpoint.push_private else "public"
    return Check("hub", "ok", f"exports go to the {kind} {config.checkpoint.push_to}; the token itself is not tried")


async def _planned(config: RunConfig, run_dir: Path, gpus: Gpus | Check | None) -> list[Check]:
    machine = machine_of_ranks(this_machine(), gpus) if isinstance(gpus, Gpus) else this_machine()
    judged = judge_plan(config, run_dir=run_dir, machine=machine)
    # Where ranks learn on GPUs that nobody could ask for, this machine's memory says nothing.
    told = [one for one in judged if one.name != "memory" or not isinstance(gpus, Check)]
    return [Check(one.name, one.status, one.message, one.cure) for one in told]


async def _processor(config: RunConfig) -> Check:
    cores, busy = cores_here(), os.getloadavg()[0]
    gpu = "an NVIDIA GPU" if shutil.which("nvidia-smi") else "no NVIDIA GPU"
    message = f"{cores} processor cores, {busy:.1f} of them busy, and {gpu}"
    if config.model.path != "builtin:pocket" and gpu.startswith("no"):
        return Check("processor", "warn", message, "a model of billions of parameters needs a GPU to train")
    if busy > cores:
        return Check("processor", "warn", message, "it will be slow; wait until other programs have ended")
    return Check("processor", "ok", message)
