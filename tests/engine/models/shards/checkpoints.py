"""Checkpoints in the published code's layout, made in this process: one rank, plain tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.engine.policies import shared_policy


def weights() -> dict[str, torch.Tensor]:
    """The pocket policy's, in bfloat16."""
    return {name: value.bfloat16() for name, value in shared_policy().module.state_dict().items()}


def one_rank(folder: Path, tree: Any = None, *, settings: bool = True) -> Path:
    """`folder` as a `global_step_7` that one rank saved; its weights are `tree`."""
    actor = folder / "global_step_7" / "actor"
    actor.mkdir(parents=True)
    torch.save(weights() if tree is None else tree, actor / "model_world_size_1_rank_0.pt")
    if settings:
        shared_policy().module.config.save_pretrained(actor / "huggingface")
        shared_policy().tokenizer.save_pretrained(actor / "huggingface")
    return actor.parent
