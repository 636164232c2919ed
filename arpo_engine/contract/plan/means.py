"""How a run spends memory: over how many GPUs it is spread, what is kept, computed again or put elsewhere.

Read from a config, or from the settings of another trainer (`config/verl/plan.py`). Knows no shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arpo_engine.contract.config.generators import HfGeneratorConfig, VllmGeneratorConfig
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.plan.shapes import ALL_LINEAR
from arpo_engine.contract.plan.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a memory plan depends on besides the model and the work."""

    trains: bool = True
    """False: a run that only measures; it has no gradients."""
    width: int = 4
    """Bytes of a weight."""
    compute: int = 4
    """Bytes of a number while it is computed with; fewer than `width` beside masters of the weights."""
    small_moments: bool = False
    """adamw_bf16: three numbers of 2 bytes, whatever the weights are."""
    rank: int = 0
    """Of an adapter (LoRA); 0: the weights themselves learn."""
    targets: tuple[str, ...] = (ALL_LINEAR,)
    tower_learns: bool = True
    ranks: int = 1
    """GPUs that learn together."""
    shards: int = 1
    """Of these, GPUs over which one copy of the weights is spread."""
    apart: bool = False
    """Whether learning is done by processes of its own, so that the run's process has weights of its own."""
    streams: bool = False
    """Whether hf samples while the learner works (rollout.mode = stream), from a copy of the weights."""
    offload: bool = False
    """Weights, gradients and moments wait in the computer's memory."""
    checkpointing: bool = False
    """Of each decoder layer only the input is kept; the rest is computed again for the gradient."""
    tower_checkpointing: bool = False
    """The same for the blocks of the vision tower."""
    chunk: int | None = None
    """Sampled tokens whose logits exist at once; None: all of a pass."""
    pass_tokens: int | None = None
    """Tokens whose activations exist at once; None: those of a whole update."""
    reference: Literal["", "held", "offloaded"] = ""
    """A reference policy's weights (algorithm.kl); an adapter needs none of its own."""
    sampler: Literal["hf", "vllm", "elsewhere"] = "hf"
    at_once: int = 1
    """Episodes under way at once."""
    batch: int = 1
    """For hf: most episodes that are answered together."""
    engines: int = 1
    engine_gpus: int = 1
    """For vllm: engines, and GPUs of each."""
    engine_gb: float | None = None
    """For vllm: what an engine takes of each of its GPUs, where their size is known."""
    sleeps: bool = False
    """For vllm: gives its memory away while the learner learns."""

    def adapts(self, layer: str) -> bool:
        """Whether an adapter stands beside linear layers of this name."""
        return ALL_LINEAR in self.targets or layer in self.targets

    def trajectories_at_once(self, work: Work) -> int:
        """Trajectories whose activations a GPU holds at the same time."""
        here = -(-work.per_update // self.ranks)
        if self.pass_tokens is None:
            return here
        return max(1, min(here, self.pass_tokens // work.trajectory_tokens))


def means_of(config: RunConfig) -> Means:
    """Those of a run of this engine."""
    model, generator, learner = config.model, config.generator, config.learner
    width = 2 if model.dtype == "bfloat16" else 4
    kl, lora = config.algorithm.kl, model.lora
    without = kl.place == "off" or (lora.rank > 0 and kl.reference is None)
    vllm = generator if isinstance(generator, VllmGeneratorConfig) else None
    hf = generator if isinstance(generator, HfGeneratorConfig) else None
    return Means(
        trains=config.kind == "train" and not config.validation.only,
        width=width,
        compute=2 if learner.compute == "bfloat16" else width,
        small_moments=config.optimizer.kind == "adamw_bf16",
        rank=lora.rank,
        targets=lora.targets,
        tower_learns=not model.freeze_vision,
        ranks=learner.ranks,
        shards=max(1, learner.ranks // learner.replicas),
        apart=learner.spread,
        streams=hf is not None and config.kind == "train" and config.rollout.mode == "stream",
        offload=learner.offload,
        checkpointing=learner.gradient_checkpointing,
        tower_checkpointing=learner.gradient_checkpointing,
        chunk=learner.logits_tokens,
        pass_tokens=learner.tokens_per_pass,
        reference="" if without else ("offloaded" if kl.offload else "held"),
        sampler="vllm" if vllm else ("hf" if hf else "elsewhere"),
        at_once=config.desktops.count,
        batch=hf.max_batch if hf else 1,
        engines=vllm.replicas if vllm else 1,
        engine_gpus=vllm.tensor_parallel if vllm else 1,
        sleeps=vllm is not None and vllm.sleep,
    )
