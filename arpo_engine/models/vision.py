"""A Qwen-VL's vision tower over many equally sized screenshots at once, with the module's own weights.

The stock forward loops over images and windows in Python; where every block has full attention and all screenshots
have one size the whole batch is one pass, 2 to 4 times faster on a CPU. Elsewhere the stock forward is used.

Qwen2-VL, Qwen2.5-VL and Qwen3-VL share the blocks' shape and differ in norms and mergers; Qwen3-VL adds learnt places
to its patches, and its tokens come with features that join the language model behind its first layers (deepstack).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from arpo_engine.models.patches import PatchFormat, colour_scale, processor_patches, raw_patches, resized
from arpo_engine.models.recompute import recomputed, stock_layers_recomputed
from arpo_engine.types import Pixels


def encode(visual: Any, frames: Sequence[Pixels], form: PatchFormat, recompute: bool = False) -> list[Tensor]:
    """Visual tokens [cells, hidden] of each screenshot; with deepstack [cells, (1 + levels) * hidden], the token first,
    its features for the first layers behind it. With `recompute` of each block only what it reads is kept for the way
    back."""
    sized = [resized(frame, form.limits) for frame in frames]
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, frame in enumerate(sized):
        by_shape.setdefault(frame.shape, []).append(index)
    features: dict[int, Tensor] = {}
    for shape, indices in by_shape.items():
        patches = raw_patches([sized[index] for index in indices], form).to(visual.patch_embed.proj.weight.device)
        grid = (shape[0] // form.patch, shape[1] // form.patch)
        if fits(visual):
            encoded = batched(visual, patches, grid, form, recompute=recompute)
        else:
            with stock_layers_recomputed(visual) if recompute else nullcontext():
                encoded = stock(visual, patches, grid, form)
        features.update(zip(indices, encoded, strict=True))
    return [features[index] for index in range(len(frames))]


def fits(visual: Any) -> bool:
    """Whether every block attends to the whole screenshot, which is what the batched pass computes."""
    full = getattr(visual.config, "fullatt_block_indexes", None)
    return full is None or set(range(len(visual.blocks))) <= set(full)


def stock(visual: Any, patches: Tensor, grid: tuple[int, int], form: PatchFormat) -> Tensor:
    """The module's own forward, for any configuration: as `encode`, [frames, cells, …]."""
    count = patches.shape[0]
    grid_thw = torch.tensor([[1, *grid]] * count, device=patches.device)
    output = visual(processor_patches(patches, form).flatten(0, 1), grid_thw=grid_thw)
    tokens: Tensor = torch.cat([output.pooler_output, *(getattr(output, "deepstack_features", None) or ())], -1)
    return tokens.view(count, -1, tokens.shape[-1])


def batched(
    visual: Any, patches: Tensor, grid: tuple[int, int], form: PatchFormat, *, recompute: bool = False
) -> Tensor:
    """All screenshots in one pass: as `encode`, [frames, cells, …]."""
    hidden = _embedded(visual, patches, grid, form)
    cells = hidden.shape[1] // form.merge**2
    rotation = _rotations(visual, grid, form.merge, hidden.dtype)
    deep = list(getattr(visual, "deepstack_visual_indexes", ()))
    features = []
    for index, block in enumerate(visual.blocks):
        arguments = (block, hidden, rotation)
        hidden = recomputed(_one_block, *arguments) if recompute else _one_block(*arguments)
        if index in deep:
            features.append(_merged(visual.deepstack_merger_list[deep.index(index)], hidden, cells))
    tokens = _merged(visual.merger, hidden, cells)
    return torch.cat([tokens, *features], -1) if features else tokens


def _one_block(block: Any, hidden: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    count, length, width = hidden.shape
    heads = block.attn.num_heads
    qkv = block.attn.qkv(norm(block.norm1, hidden)).view(count, length, 3, heads, width // heads)
    query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
    attended = F.scaled_dot_product_attention(rotate(query, *rotation), rotate(key, *rotation), value)
    hidden = hidden + block.attn.proj(attended.transpose(1, 2).reshape(count, length, width))
    result: Tensor = hidden + block.mlp(norm(block.norm2, hidden))
    return result


def norm(module: Any, hidden: Tensor) -> Tensor:
    """An RMS norm (Qwen2.5-VL) or a layer norm (the others) as one fused call."""
    if hasattr(module, "variance_epsilon"):
        return rms_norm(module, hidden)
    normed: Tensor = module(hidden)
    return normed


def rms_norm(module: Any, hidden: Tensor) -> Tensor:
    """The module's RMS norm as one fused call."""
    return F.rms_norm(hidden, module.weight.shape, module.weight, module.variance_epsilon)


def rotate(values: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding over the last dimension."""
    first, second = values.chunk(2, -1)
    return values * cos + torch.cat([-second, first], -1) * sin


def _embedded(visual: Any, patches: Tensor, grid: tuple[int, int], form: PatchFormat) -> Tensor:
    """What the first block reads [frames, patches, width]."""
    kernel, bias = visual.patch_embed.proj.weight, visual.patch_embed.proj.bias
    factor, offset = (part.to(kernel) for part in colour_scale(form))
    # Both temporal frames of a still picture are equal, so the kernel's two halves may be added up first; and the
    # colours are normalised in the kernel, which is smaller than the pictures.
    folded = kernel.sum(2).flatten(1)
    shift = folded @ offset if bias is None else folded @ offset + bias
    hidden = F.linear(patches.to(kernel.dtype), folded * factor, shift)
    if hasattr(visual, "pos_embed"):  # Qwen3-VL
        hidden = hidden + _learnt_places(visual, grid, form.merge).to(hidden.dtype)
    return hidden


def _merged(merger: Any, hidden: Tensor, cells: int) -> Tensor:
    """Visual tokens [frames, cells, hidden] of patches [frames, patches, width]."""
    if hasattr(merger, "ln_q"):
        tokens: Tensor = merger.mlp(norm(merger.ln_q, hidden).reshape(hidden.shape[0], cells, -1))
    else:  # Qwen3-VL
        tokens = merger(hidden).view(hidden.shape[0], cells, -1)
    return tokens


def _learnt_places(visual: Any, grid: tuple[int, int], merge: int) -> Tensor:
    """Qwen3-VL's square table of places, stretched to a screenshot's grid [patches, width] in the processor's order."""
    rows, columns = grid
    table = visual.pos_embed.weight.float()
    side = round(table.shape[0] ** 0.5)
    square = table.T.view(1, -1, side, side)
    stretched = F.interpolate(square, size=grid, mode="bilinear", align_corners=True)[0]
    blocks = stretched.view(-1, rows // merge, merge, columns // merge, merge).permute(1, 3, 2, 4, 0)
    return blocks.reshape(rows * columns, -1)


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
