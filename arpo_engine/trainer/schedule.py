"""The learning rate of each training step. Knows numbers only."""

from __future__ import annotations

import math

from arpo_engine.contract.config.parts import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, total_steps: int) -> float:
    """Warm-up to `config.lr`, then decay to `config.min_lr_ratio` of it at the last step; steps count from 1.

    With `from_zero` everything is a step later, decay among it, as a `LambdaLR` that counts from 0 has it.
    """
    warmup = config.warmup_steps if config.warmup_ratio is None else int(config.warmup_ratio * total_steps)
    if config.warmup == "from_zero":
        step -= 1
    if step <= warmup and warmup:
        return config.lr * step / warmup
    if config.decay == "constant":
        return config.lr
    progress = (step - warmup) / max(1, total_steps - warmup)
    progress = min(1.0, progress)
    kept = 1.0 - progress if config.decay == "linear" else 0.5 * (1.0 + math.cos(math.pi * progress))
    return config.lr * (config.min_lr_ratio + (1.0 - config.min_lr_ratio) * kept)
