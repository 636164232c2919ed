"""A rank's program in which the second rank runs out of memory when it learns, as torch tells of it on a GPU."""

from __future__ import annotations

import sys
from typing import Any

import torch
import torch.distributed as dist

from arpo_engine.models.policy import Policy
from arpo_engine.runtime import rank_process

plain = Policy.reply_logprobs


def full(self: Policy, *arguments: Any) -> Any:
    if dist.get_rank() == 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    return plain(self, *arguments)


Policy.reply_logprobs = full  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(rank_process.main(sys.argv[1:]))
