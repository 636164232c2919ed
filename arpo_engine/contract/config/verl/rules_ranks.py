"""What is said of GPUs and of how a policy is spread over them becomes the ranks of our learner.

Sources: the published code's `fsdp_workers.py` (revision 7489ae3), which makes a mesh of `fsdp_size` shards and as many
copies as are left, and rounds passes to `mp_param_dtype`. None of it changes what is learnt, but for rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl.layers import Setting
from arpo_engine.contract.config.verl.verdicts import Judgement, Reading, Refusal, Rule, adapted, mapped

_FLOATS = {"bf16": "bfloat16", "bfloat16": "bfloat16", "fp32": "float32", "float32": "float32"}


def ranks(reading: Reading, key: str) -> Judgement:
    """All GPUs together; each rank has one, or a share of the processors where there is none."""
    nodes, each = reading.whole("trainer.nnodes"), reading.whole(key)
    note = f"{nodes} x {each} = {nodes * each} ranks, one GPU each; where there is no GPU they learn on processors"
    return mapped(note, learner__ranks=nodes * each)


def copies(reading: Reading, key: str) -> Judgement:
    """Shards of a copy there, copies here."""
    shards, count = reading.get(key), _gpus(reading)
    if not isinstance(shards, int) or isinstance(shards, bool):
        raise Refusal(f"{shards!r} is not a whole number; write one, or -1 for all GPUs")
    if shards <= 0 or shards >= count:
        return mapped("one copy over all ranks", learner__replicas=1)
    if count % shards:
        raise Refusal(f"{count} GPUs cannot be divided into copies of {shards}; use a divisor, or -1 for all")
    return mapped(f"{count // shards} copies, each over {shards} ranks", learner__replicas=count // shards)


def offload(reading: Reading, key: str) -> Judgement:
    """The published code moves weights and moments away between its phases; here they stay away, layer for layer."""
    asked = [
        reading.get(f"worker.actor.{name}") is True
        for name in ("fsdp.enable_cpu_offload", "offload.offload_params", "offload.offload_optimizer")
    ]
    reading.truth(key)
    if asked[0]:
        return mapped("in the computer's memory, each layer on the GPU for its pass only", learner__offload=True)
    if any(asked):
        return adapted(
            "there they leave the GPUs while these sample; here vLLM gives its own memory back while the learner works "
            "(generator.sleep). learner.offload=true keeps them in the computer's memory all the time"
        )
    return mapped("", learner__offload=False)


def full_shard(reading: Reading, key: str) -> Judgement:
    """Without it, gradients alone are spread there."""
    if reading.truth(key):
        return mapped("weights, gradients and moments are spread")
    return adapted("there every GPU keeps whole weights; here they are always spread, which changes no result")


def computed_in(reading: Reading, key: str) -> Judgement:
    """Mixed precision: passes in bfloat16 under float32 masters, where these are asked for."""
    kind = _FLOATS.get(str(reading.get(key)))
    if kind is None:
        raise Refusal(f"{reading.get(key)!r} is not computed in here; use bf16 or fp32")
    weights = _FLOATS.get(str(reading.get("worker.actor.fsdp.torch_dtype") or "fp32"))
    if kind == weights:
        return mapped("the weights' own numbers")
    if kind == "bfloat16" and _gpus(reading) > 1:
        return mapped("passes in bfloat16 under float32 masters", learner__compute="bfloat16")
    return adapted("here everything is computed in model.dtype, so the last digits differ")


def reduced_in(reading: Reading, key: str) -> Judgement:
    """Gradients of ranks are added up in float32."""
    kind = _FLOATS.get(str(reading.get(key)))
    if kind is None:
        raise Refusal(f"{reading.get(key)!r}: gradients are added up in float32 here; use fp32")
    return mapped("") if kind == "float32" else adapted("in float32 here, which is more exact")


RULES: dict[str, Rule] = {
    "worker.actor.fsdp.fsdp_size": copies,
    "worker.actor.fsdp.enable_full_shard": full_shard,
    "worker.actor.fsdp.enable_cpu_offload": offload,
    "worker.actor.offload.offload_params": offload,
    "worker.actor.offload.offload_optimizer": offload,
    "worker.actor.fsdp.mp_param_dtype": computed_in,
    "worker.actor.fsdp.mp_reduce_dtype": reduced_in,
}


def rank_words(config: RunConfig, before: Mapping[str, Setting]) -> dict[str, Any]:
    """The other way: GPUs, on as many machines as were written if they fit, and how the policy is spread over them."""
    learner, known = config.learner, before.get("trainer.nnodes")
    nodes = known.value if known is not None and isinstance(known.value, int) and known.value > 0 else 1
    nodes = nodes if learner.ranks % nodes == 0 else 1
    halves = learner.compute == "bfloat16" or config.model.dtype == "bfloat16" or learner.ranks == 1
    return {
        "trainer.nnodes": nodes,
        "trainer.n_gpus_per_node": learner.ranks // nodes,
        "worker.actor.fsdp.fsdp_size": -1 if learner.replicas == 1 else learner.ranks // learner.replicas,
        "worker.actor.fsdp.enable_cpu_offload": learner.offload,
        "worker.actor.fsdp.mp_param_dtype": "bf16" if halves else "fp32",
    }


def _gpus(reading: Reading) -> int:
    return reading.whole("trainer.nnodes") * reading.whole("trainer.n_gpus_per_node")
