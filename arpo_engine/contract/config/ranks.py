"""Over how many processes and devices the learner is spread. Nothing of it changes what is learnt, but for rounding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from arpo_engine.contract.base import Strict


class RanksConfig(Strict):
    """FSDP2: every rank holds a part of each weight, of its gradient and of the optimizer's moments."""

    ranks: int = Field(1, ge=1, le=1024)
    """Processes that learn together, each with a device of its own. 1: the policy learns where it samples, in the
    process of the run."""
    replicas: int = Field(1, ge=1, le=1024)
    """Copies of the weights that the ranks hold together (hybrid sharding): each copy is spread over ranks / replicas
    of them. More copies ask more memory and less of the network between machines."""
    backend: Literal["auto", "nccl", "gloo"] = "auto"
    """What is learnt on, and how ranks talk: `nccl` between GPUs, one for each rank, `gloo` between processors. auto:
    GPUs where there are any, and as many as ranks."""
    offload: bool = False
    """Keep weights, gradients and the optimizer's moments in the computer's memory and bring each layer to the GPU for
    its pass: slower, and a GPU then holds activations and little more. For ranks; one rank is enough."""
    compute: Literal["as_weights", "bfloat16"] = "as_weights"
    """Numbers that ranks compute in. `bfloat16` with model.dtype = float32 keeps float32 masters of the weights and
    adds gradients up in float32."""
    start_timeout_s: float = Field(600.0, gt=0)
    """Longest wait until all ranks have loaded the model."""
    answer_timeout_s: float = Field(7200.0, gt=0)
    """Longest wait for the ranks' answer: an update, a save. Ranks that are later are ended, and the run can be
    resumed."""

    def contradictions(self) -> Iterator[tuple[str, str]]:
        """Fields that do not fit together, each with a sentence and a cure."""
        if self.ranks % self.replicas:
            sentence = f"{self.replicas} copies of alike size cannot be spread over learner.ranks = {self.ranks}"
            yield "learner.replicas", f"{sentence}; use a divisor of it"

    @property
    def spread(self) -> bool:
        """Whether learning is done by processes of its own."""
        return self.ranks > 1 or self.offload or self.compute != "as_weights"
