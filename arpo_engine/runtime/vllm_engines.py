"""vLLM's engines for a run: which Python, which GPUs, which model. Puts together what `inference/` offers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.generators import VllmGeneratorConfig
from arpo_engine.contract.errors import ArpoError
from arpo_engine.inference.vllm_generator import VllmGenerator, scratch_folder
from arpo_engine.inference.vllm_home import devices_of, environment, vllm_python
from arpo_engine.inference.vllm_replica import ReplicaProcess
from arpo_engine.inference.vllm_wire import EngineSettings
from arpo_engine.models.folder import locate, root_of
from arpo_engine.models.policy import Policy


async def open_vllm(config: RunConfig, generator: VllmGeneratorConfig, policy: Policy) -> tuple[VllmGenerator, str]:
    """A generator whose engines have loaded the model, and what they run on.

    Raises:
        ModelError: there is no vLLM here, or it cannot start.
    """
    command = [str(vllm_python()), "-m", "arpo_engine.inference.vllm_process"]
    gpus = torch.cuda.device_count()
    seen = [devices_of(number, generator.tensor_parallel, gpus) for number in range(generator.replicas)]
    scratch = scratch_folder()
    settings = replace(engine_settings(config, generator, policy), scratch=str(scratch))
    logs = Path(tempfile.mkdtemp(prefix="arpo-vllm-logs-"))
    replicas = [
        ReplicaProcess(
            f"vllm-{number}",
            command=command,
            settings=settings,
            variables=environment(devices),
            folder=logs,
            start_timeout_s=generator.start_timeout_s,
        )
        for number, devices in enumerate(seen)
    ]
    plain = policy.plain_weights()
    engines = VllmGenerator(
        policy.chat,
        generator,
        replicas,
        context_length=settings.context_length,
        weight_names=plain,
        scratch=scratch,
    )
    said = await engines.open()
    if Path(settings.model) != locate(config.model.path):
        await _push_first(engines, plain)
    return engines, f"{said}; logs in {logs}"


async def _push_first(engines: VllmGenerator, weights: Mapping[str, object]) -> None:
    """They began with the model below an adapter; it is merged here."""
    try:
        await engines.push_weights(0, weights)
    except ArpoError:
        await engines.close()
        raise


def engine_settings(config: RunConfig, generator: VllmGeneratorConfig, policy: Policy) -> EngineSettings:
    """What each engine is told. It loads whole weights: of an adapter's folder those of its model."""
    return EngineSettings(
        model=str(root_of(locate(config.model.path))),
        dtype=config.model.dtype,
        context_length=min(policy.context_length, generator.context_length or policy.context_length),
        max_images=config.agent.max_images,
        max_parallel=generator.max_parallel,
        tensor_parallel=generator.tensor_parallel,
        memory_share=generator.memory_share,
        kv_cache_gb=generator.kv_cache_gb,
        prefix_caching=generator.prefix_caching,
        eager=generator.eager,
        sleep=generator.sleep,
        end_id=policy.chat.end_id,
        never_sampled=policy.never_sampled,
        trust_remote_code=config.model.trust_remote_code,
    )
