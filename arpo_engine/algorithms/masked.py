"""Means and spreads over the tokens that count. Knows tensors; knows no losses.

As the published code has them (verl/utils/torch_functional.py): EPS is added to the number of tokens, so that a mean
over nothing is 0, and it is what a float64 comparison sees first.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPS = 1e-8


def masked_mean(values: Tensor, mask: Tensor, dim: int | None = None) -> Tensor:
    """Sum of the values under the mask divided by their number; over everything, or along one dimension."""
    return (values * mask).sum(dim=dim) / (mask.sum(dim=dim) + EPS)


def masked_var(values: Tensor, mask: Tensor) -> Tensor:
    """Unbiased variance of the values under the mask; with one value or none, the biased one."""
    variance = masked_mean((values - masked_mean(values, mask)) ** 2, mask)
    count = mask.sum()
    return variance * (count / (count - 1)) if count > 1 else variance


def masked_whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Values with mean 0 and variance 1 under the mask. What the mask hides is moved and scaled along."""
    return (values - masked_mean(values, mask)) * torch.rsqrt(masked_var(values, mask) + EPS)
