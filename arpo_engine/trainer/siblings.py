"""The ranks that learn together, as one of them sees the others: who takes what, and how sums become everybody's.

`ALONE` is a learner without siblings and computes exactly as if there were no such thing. Knows tensors and a process
group; knows no sockets, no FSDP. Suffixes: B trajectories, T their sampled tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from arpo_engine.models.policy import Policy
from arpo_engine.trainer.balancing import balanced, within
from arpo_engine.types import Trajectory


class Siblings(Protocol):
    """What a learner asks of those that it learns with."""

    size: int
    """How many they are, this one among them."""
    rank: int

    def rounds(self, tokens: Sequence[int], most: int | None) -> list[list[int]]:
        """Places of the trajectories that this rank computes, in parts of at most `most` tokens; all ranks' together
        are all of them, and each rank has as many parts as the others, if need be empty ones."""
        ...

    def total(self, *numbers: float) -> tuple[float, ...]:
        """Each number summed over the ranks."""
        ...

    def joined(self, table_BT: Tensor) -> Tensor:
        """The tables of all ranks added up, where each has zeros in the others' rows."""
        ...

    def clip(self, parameters: Sequence[Tensor], most: float) -> float:
        """Scale gradients so that their norm over all parameters and ranks is at most `most`; the norm before."""
        ...


class Alone:
    """A learner in one process."""

    size = 1
    rank = 0

    def rounds(self, tokens: Sequence[int], most: int | None) -> list[list[int]]:
        """All, in as few parts as it takes."""
        return [list(range(len(tokens)))] if most is None else within(tokens, most)

    def total(self, *numbers: float) -> tuple[float, ...]:
        """Themselves."""
        return numbers

    def joined(self, table_BT: Tensor) -> Tensor:
        """Itself."""
        return table_BT

    def clip(self, parameters: Sequence[Tensor], most: float) -> float:
        """By torch."""
        return float(torch.nn.utils.clip_grad_norm_(parameters, most))


ALONE = Alone()


class Ranks:
    """The ranks of the default process group, whose weights and gradients are spread over `shards`."""

    def __init__(self, shards: dist.ProcessGroup, device: torch.device) -> None:
        self.size = dist.get_world_size()
        self.rank = dist.get_rank()
        self._shards = shards
        self._device = device

    def rounds(self, tokens: Sequence[int], most: int | None) -> list[list[int]]:
        """Shared out by tokens. Every rank works out what all of them get, so that none has to ask."""
        parts = [_parts(share, tokens, most) for share in balanced(tokens, self.size)]
        own, longest = parts[self.rank], max(len(part) for part in parts)
        return own + [[] for _ in range(longest - len(own))]

    def total(self, *numbers: float) -> tuple[float, ...]:
        """In float64, in the same order on every rank."""
        summed = torch.tensor(numbers, dtype=torch.float64, device=self._device)
        dist.all_reduce(summed)
        return tuple(summed.tolist())

    def most(self, number: int) -> int:
        """The largest number that any rank has."""
        largest = torch.tensor(number, device=self._device)
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return int(largest)

    def joined(self, table_BT: Tensor) -> Tensor:
        """Summed over all ranks."""
        whole = table_BT.clone()
        dist.all_reduce(whole)
        return whole

    def clip(self, parameters: Sequence[Tensor], most: float) -> float:
        """As torch does it, with the squares of all parts of the gradients summed up first. Copies of them (hybrid
        sharding) count once."""
        gradients = [_part(parameter.grad) for parameter in parameters if parameter.grad is not None]
        squares = torch.zeros((), dtype=torch.float64, device=self._device)
        for gradient in gradients:
            squares += gradient.double().square().sum().to(self._device)
        dist.all_reduce(squares, group=self._shards)
        norm = float(squares.sqrt())
        factor = min(1.0, most / (norm + 1e-6))
        if factor < 1.0:  # also false for a norm that is no number: nothing is scaled, and the update is refused
            for gradient in gradients:
                gradient.mul_(factor)
        return norm


def shared_logprobs(
    siblings: Siblings, policy: Policy, trajectories: Sequence[Trajectory], temperature: float
) -> Tensor:
    """Log-probs [B, T] of all trajectories without gradients, each computed by one rank and known to all."""
    with torch.no_grad():
        if siblings.size == 1:
            return policy.reply_logprobs(trajectories, temperature).logprobs
        width = max((item.tokens for item in trajectories), default=0)
        table = torch.zeros(len(trajectories), width, device=policy.device)
        for part in siblings.rounds([item.computed_tokens for item in trajectories], policy.passes.tokens_per_pass):
            own = policy.reply_logprobs([trajectories[place] for place in part], temperature).logprobs
            table[torch.tensor(part, dtype=torch.long, device=table.device), : own.shape[1]] = own
        return siblings.joined(table)


def _parts(share: Sequence[int], tokens: Sequence[int], most: int | None) -> list[list[int]]:
    if most is None:
        return [list(share)]
    return [[share[at] for at in part] for part in within([tokens[place] for place in share], most)]


def _part(gradient: Tensor) -> Tensor:
    """What this rank holds of it."""
    return gradient.to_local() if isinstance(gradient, DTensor) else gradient
