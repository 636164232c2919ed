"""How a model folder says that screenshots are resized and cut: `preprocessor_config.json`, read and written."""

from __future__ import annotations

import json
from pathlib import Path

from arpo_engine.models.folder import read_json
from arpo_engine.models.patches import CLIP_MEAN, CLIP_STD, PatchFormat
from arpo_engine.models.resize import PixelLimits

IMAGE_SETTINGS = "preprocessor_config.json"


def read_patch_format(folder: Path) -> PatchFormat:
    """How this model's screenshots are resized and cut, from its `preprocessor_config.json`."""
    settings = read_json(folder / IMAGE_SETTINGS) if (folder / IMAGE_SETTINGS).is_file() else {}
    size, defaults = settings.get("size") or {}, PixelLimits()
    patch, merge = int(settings.get("patch_size", 14)), int(settings.get("merge_size", 2))
    return PatchFormat(
        limits=PixelLimits(
            min_pixels=int(settings.get("min_pixels") or size.get("shortest_edge") or defaults.min_pixels),
            max_pixels=int(settings.get("max_pixels") or size.get("longest_edge") or defaults.max_pixels),
            factor=patch * merge,
        ),
        patch=patch,
        merge=merge,
        temporal=int(settings.get("temporal_patch_size", 2)),
        mean=tuple(settings.get("image_mean") or CLIP_MEAN),
        std=tuple(settings.get("image_std") or CLIP_STD),
    )


def write_patch_format(folder: Path, form: PatchFormat) -> None:
    """The counterpart, in the keys that transformers and vLLM read."""
    limits = form.limits
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": limits.min_pixels,
        "max_pixels": limits.max_pixels,
        "size": {"shortest_edge": limits.min_pixels, "longest_edge": limits.max_pixels},
        "patch_size": form.patch,
        "merge_size": form.merge,
        "temporal_patch_size": form.temporal,
        "image_mean": list(form.mean),
        "image_std": list(form.std),
    }
    (folder / IMAGE_SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
