"""Screenshots into the patches that a Qwen-VL's vision tower reads, as its own image processor makes them.

Works on whole batches of equally sized screenshots and keeps a still picture's two equal frames folded into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from arpo_engine.contract.resize import PixelLimits, smart_resize
from arpo_engine.models.families import CLIP_MEAN, CLIP_STD
from arpo_engine.types import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFormat:
    """How pixels are cut up; read from the model folder's `preprocessor_config.json`."""

    limits: PixelLimits = field(default_factory=PixelLimits)
    patch: int = 14
    merge: int = 2
    temporal: int = 2
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD

    def within(self, max_pixels: int | None) -> PatchFormat:
        """The same for screenshots of at most so many pixels; None: as it is."""
        if max_pixels is None or max_pixels >= self.limits.max_pixels:
            return self
        least = min(self.limits.min_pixels, max_pixels)
        return replace(self, limits=replace(self.limits, max_pixels=max_pixels, min_pixels=least))

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns of visual tokens of a screenshot of this size."""
        new_width, new_height = smart_resize(width, height, self.limits)
        side = self.patch * self.merge
        return new_height // side, new_width // side


def resized(pixels: Pixels, limits: PixelLimits) -> Pixels:
    """The screenshot at the size that the model sees; itself when it already has that size."""
    height, width = pixels.shape[:2]
    size = smart_resize(width, height, limits)
    if size == (width, height):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def raw_patches(frames: Sequence[Pixels], form: PatchFormat) -> Tensor:
    """Equally sized screenshots, already at the model's size, as bytes [frames, patches, channels * patch * patch]."""
    stacked = torch.from_numpy(np.stack(frames))
    count, height, width, channels = stacked.shape
    rows, columns, merge = height // form.patch, width // form.patch, form.merge
    values = stacked.view(count, rows // merge, merge, form.patch, columns // merge, merge, form.patch, channels)
    # The order of the processor: merged cell, patch within the cell, channel, pixel.
    values = values.permute(0, 1, 4, 2, 5, 7, 3, 6)
    return values.reshape(count, rows * columns, channels * form.patch * form.patch)


def colour_scale(form: PatchFormat) -> tuple[Tensor, Tensor]:
    """Factor and offset [channels * patch * patch] with which a byte becomes a normalised colour."""
    square = form.patch * form.patch
    factor = torch.tensor([1 / (255 * std) for std in form.std]).repeat_interleave(square)
    offset = torch.tensor([-mean / std for mean, std in zip(form.mean, form.std, strict=True)])
    return factor, offset.repeat_interleave(square)


def processor_patches(raw: Tensor, form: PatchFormat) -> Tensor:
    """What the model's own image processor gives: normalised, and the still picture repeated along time."""
    factor, offset = colour_scale(form)
    count, length, _ = raw.shape
    values = (raw.float() * factor + offset).view(count, length, -1, 1, form.patch * form.patch)
    return values.expand(-1, -1, -1, form.temporal, -1).reshape(count, length, -1)
