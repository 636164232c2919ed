"""Qwen2.5-VL's vision tower over many equally sized screenshots at once, with the module's own weights.

The stock forward loops over images and windows in Python; where every block has full attention and all screenshots
have one size the whole batch is one pass, 2 to 4 times faster on a CPU. Elsewhere the stock forward is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from arpo_engine.models.patches import PatchFormat, colour_scale, processor_patches, raw_patches, resized
from arpo_engine.types import Pixels


def encode(visual: Any, frames: Sequence[Pixels], form: PatchFormat) -> list[Tensor]:
    """Visual tokens [cells, hidden] of each screenshot."""
    sized = [resized(frame, form.limits) for frame in frames]
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, frame in enumerate(sized):
        by_shape.setdefault(frame.shape, []).append(index)
    features: dict[int, Tensor] = {}
    for shape, indices in by_shape.items():
        patches = raw_patches([sized[index] for index in indices], form).to(visual.patch_embed.proj.weight.device)
        grid = (shape[0] // form.patch, shape[1] // form.patch)
        encoded = batched(visual, patches, grid, form) if fits(visual) else stock(visual, patches, grid, form)
        features.update(zip(indices, encoded, strict=True))
    return [features[index] for index in range(len(frames))]


def fits(visual: Any) -> bool:
    """Whether every block attends to the whole screenshot, which is what the batched pass computes."""
    return set(range(len(visual.blocks))) <= set(visual.config.fullatt_block_indexes)


def stock(visual: Any, patches: Tensor, grid: tuple[int, int], form: PatchFormat) -> Tensor:
    """The module's own forward, for any configuration: [frames, cells, hidden]."""
    count = patches.shape[0]
    grid_thw = torch.tensor([[1, *grid]] * count, device=patches.device)
    output: Tensor = visual(processor_patches(patches, form).flatten(0, 1), grid_thw=grid_thw).pooler_output
    return output.view(count, -1, output.shape[-1])


def batched(visual: Any, patches: Tensor, grid: tuple[int, int], form: PatchFormat) -> Tensor:
    """All screenshots in one pass: [frames, cells, hidden]."""
    kernel = visual.patch_embed.proj.weight
    factor, offset = (part.to(kernel) for part in colour_scale(form))
    # Both temporal frames of a still picture are equal, so the kernel's two halves may be added up first; and the
    # colours are normalised in the kernel, which is smaller than the pictures.
    folded = kernel.sum(2).flatten(1)
    hidden = F.linear(patches.to(kernel.dtype), folded * factor, folded @ offset)
    count, length, width = hidden.shape
    heads = visual.config.num_heads
    cos, sin = _rotations(visual, grid, form.merge, hidden.dtype)
    for block in visual.blocks:
        qkv = block.attn.qkv(rms_norm(block.norm1, hidden)).view(count, length, 3, heads, width // heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(rotate(query, cos, sin), rotate(key, cos, sin), value)
        hidden = hidden + block.attn.proj(attended.transpose(1, 2).reshape(count, length, width))
        hidden = hidden + block.mlp(rms_norm(block.norm2, hidden))
    merged = rms_norm(visual.merger.ln_q, hidden).reshape(count, length // form.merge**2, -1)
    tokens: Tensor = visual.merger.mlp(merged)
    return tokens


def rms_norm(module: Any, hidden: Tensor) -> Tensor:
    """The module's RMS norm as one fused call."""
    return F.rms_norm(hidden, module.weight.shape, module.weight, module.variance_epsilon)


def rotate(values: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding over the last dimension."""
    first, second = values.chunk(2, -1)
    return values * cos + torch.cat([-second, first], -1) * sin


def _rotations(visual: Any, grid: tuple[int, int], merge: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines [patches, head_dim] of every patch's row and column, in the processor's patch order."""
    rows, columns = grid
    frequencies = visual.rotary_pos_emb.inv_freq
    row = torch.arange(rows, device=frequencies.device)[:, None].expand(rows, columns)
    column = torch.arange(columns, device=frequencies.device)[None].expand(rows, columns)
    places = []
    for axis in (row, column):
        blocks = axis.reshape(rows // merge, merge, columns // merge, merge).permute(0, 2, 1, 3).flatten()
        places.append(blocks[:, None].float() * frequencies)
    angles = torch.cat(places, -1)
    angles = torch.cat([angles, angles], -1)
    return angles.cos().to(dtype), angles.sin().to(dtype)
