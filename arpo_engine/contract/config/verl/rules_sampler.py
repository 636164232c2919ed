"""What is said of vLLM becomes our engines of vLLM; the small policy that ships here is sampled without it.

Source: the published code's `vllm_rollout_spmd.py` (revision 7489ae3): one engine for each `tensor_parallel_size` GPUs,
which sleeps while the policy learns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arpo_engine.contract.config.generators import VllmGeneratorConfig
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.verdicts import Judgement, Reading, Refusal, Rule, adapted, done_by_itself, mapped

_SMALL = "the small policy that ships here is sampled with transformers, in the learner's process"


def sampler(reading: Reading, key: str) -> Judgement:
    """Engines on the machine where the run is; those of other nodes are not used."""
    if reading.get(key) != "vllm":
        raise Refusal(f"{reading.get(key)!r}: only vllm is imported; use vllm")
    if _is_small(reading):
        return adapted(_SMALL, generator__kind="hf")
    nodes, gpus = reading.whole("trainer.nnodes"), reading.whole("trainer.n_gpus_per_node")
    engines = max(1, gpus // reading.whole("worker.rollout.tensor_parallel_size"))
    sets = {"generator__kind": "vllm", "generator__replicas": engines, "generator__sleep": True}
    if nodes > 1:
        return adapted(f"{engines} engines on the node of the run; those of {nodes - 1} more only learn", **sets)
    return mapped(f"{engines} engines, which sleep while the policy learns", **sets)


def engine_gpus(reading: Reading, key: str) -> Judgement:
    """GPUs of one engine."""
    gpus = reading.whole(key)
    return adapted(_SMALL) if _is_small(reading) else mapped("", generator__tensor_parallel=gpus)


def memory_share(reading: Reading, key: str) -> Judgement:
    """The part of a GPU's memory that an engine takes."""
    share = reading.number(key)
    if not 0 < share < 1:
        raise Refusal(f"{share:g} is no share of a GPU's memory; write one between 0 and 1, such as 0.6")
    return adapted(_SMALL) if _is_small(reading) else mapped("", generator__memory_share=share)


def eager(reading: Reading, key: str) -> Judgement:
    """Whether CUDA graphs are left out."""
    without = reading.truth(key)
    return adapted(_SMALL) if _is_small(reading) else mapped("", generator__eager=without)


def sampler_words(config: RunConfig) -> dict[str, Any]:
    """The same back, for a run that is sampled by vLLM."""
    generator = config.generator
    if not isinstance(generator, VllmGeneratorConfig):
        return {}
    return {
        "worker.rollout.tensor_parallel_size": generator.tensor_parallel,
        "worker.rollout.gpu_memory_utilization": generator.memory_share,
        "worker.rollout.enforce_eager": generator.eager,
    }


def _is_small(reading: Reading) -> bool:
    return str(reading.get("worker.actor.model.model_path")).startswith("builtin:")


RULES: Mapping[str, Rule] = {
    "worker.rollout.name": sampler,
    "worker.rollout.tensor_parallel_size": engine_gpus,
    "worker.rollout.gpu_memory_utilization": memory_share,
    "worker.rollout.enforce_eager": eager,
    **{
        f"worker.rollout.{name}": done_by_itself("vLLM decides it, and it changes no result")
        for name in ("enable_chunked_prefill", "max_num_batched_tokens", "disable_log_stats", "disable_tqdm")
    },
}
"""Rules by key."""
