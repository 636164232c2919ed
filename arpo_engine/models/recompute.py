"""Gradient checkpointing: a layer's activations are thrown away and computed again when gradients flow back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer


def recomputed(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` gives, of which only the arguments are kept until gradients flow back."""
    return checkpoint(function, *arguments, use_reentrant=False) if torch.is_grad_enabled() else function(*arguments)


@contextmanager
def stock_layers_recomputed(module: nn.Module) -> Iterator[None]:
    """Within, the stock forward of `module` recomputes its layers, which transformers does in training mode only."""
    layers: list[Any] = [layer for layer in module.modules() if isinstance(layer, GradientCheckpointingLayer)]
    for layer in layers:
        # The flag of the layer alone: what stands in it stays in evaluation mode, so that nothing is dropped.
        layer.training = layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
    try:
        yield
    finally:
        for layer in layers:
            layer.training = layer.gradient_checkpointing = False
