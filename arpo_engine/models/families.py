"""The kinds of model that are trained here, by the `model_type` of their config.json: what differs in name or number.

What differs in computation is in `vision` and `language`, which look at the modules themselves. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from arpo_engine.contract.resize import PixelLimits

Colour = tuple[float, float, float]
CLIP_MEAN: Colour = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD: Colour = (0.26862954, 0.26130258, 0.27577711)
HALF: Colour = (0.5, 0.5, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of model. The sizes of screenshots hold where a folder says nothing of them."""

    title: str
    architecture: str
    """The class of transformers that reads it."""
    processor: str
    """The processor of transformers that a saved folder names."""
    patch: int = 14
    """Side of one patch in pixels."""
    limits: PixelLimits = field(default_factory=PixelLimits)
    mean: Colour = CLIP_MEAN
    std: Colour = CLIP_STD


FAMILIES: Mapping[str, Family] = {
    "qwen2_vl": Family(
        title="Qwen2-VL",
        architecture="Qwen2VLForConditionalGeneration",
        processor="Qwen2VLProcessor",
    ),
    "qwen2_5_vl": Family(
        title="Qwen2.5-VL",
        architecture="Qwen2_5_VLForConditionalGeneration",
        processor="Qwen2_5_VLProcessor",
    ),
    "qwen3_vl": Family(
        title="Qwen3-VL",
        architecture="Qwen3VLForConditionalGeneration",
        processor="Qwen3VLProcessor",
        patch=16,
        limits=PixelLimits(min_pixels=256 * 256, max_pixels=4096 * 4096, factor=32),
        mean=HALF,
        std=HALF,
    ),
}
"""UI-TARS 1.0 (2B, 7B, 72B; SFT and DPO) is a Qwen2-VL, UI-TARS 1.5 a Qwen2.5-VL."""


def known() -> str:
    """All kinds, for a message."""
    return ", ".join(f"{family.title} ({kind})" for kind, family in FAMILIES.items())
