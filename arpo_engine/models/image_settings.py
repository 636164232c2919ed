"""How a model folder says that screenshots are resized and cut, read and written.

Usually in `preprocessor_config.json`; what a processor of transformers 5 saves has it in `processor_config.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arpo_engine.contract.errors import ModelError
from arpo_engine.contract.resize import PixelLimits
from arpo_engine.models.families import Family
from arpo_engine.models.folder import family_of, read_json
from arpo_engine.models.patches import PatchFormat

IMAGE_SETTINGS = "preprocessor_config.json"
PROCESSOR_SETTINGS = "processor_config.json"


def read_patch_format(folder: Path) -> PatchFormat:
    """How this model's screenshots are resized and cut; what its folder does not say is as its family has it.

    Raises:
        ModelError: the vision tower of its config.json reads other patches.
    """
    family, settings = family_of(folder), _settings(folder)
    size = settings.get("size") or {}
    patch, merge = int(settings.get("patch_size", family.patch)), int(settings.get("merge_size", 2))
    form = PatchFormat(
        limits=PixelLimits(
            min_pixels=int(settings.get("min_pixels") or size.get("shortest_edge") or family.limits.min_pixels),
            max_pixels=int(settings.get("max_pixels") or size.get("longest_edge") or family.limits.max_pixels),
            factor=patch * merge,
        ),
        patch=patch,
        merge=merge,
        temporal=int(settings.get("temporal_patch_size", 2)),
        mean=tuple(settings.get("image_mean") or family.mean),
        std=tuple(settings.get("image_std") or family.std),
    )
    _agree(folder, form)
    return form


def write_patch_format(folder: Path, form: PatchFormat, family: Family) -> None:
    """The counterpart, in the keys that transformers and vLLM read."""
    limits = form.limits
    settings = {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": family.processor,
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


def _settings(folder: Path) -> dict[str, Any]:
    if (folder / IMAGE_SETTINGS).is_file():
        return read_json(folder / IMAGE_SETTINGS)
    if (folder / PROCESSOR_SETTINGS).is_file():
        nested = read_json(folder / PROCESSOR_SETTINGS).get("image_processor")
        return nested if isinstance(nested, dict) else {}
    return {}


def _agree(folder: Path, form: PatchFormat) -> None:
    """Patches of another size than the tower's would fail deep inside a run, in words about tensors."""
    tower = read_json(folder / "config.json").get("vision_config")
    tower = tower if isinstance(tower, dict) else {}
    keys = {"patch_size": form.patch, "spatial_merge_size": form.merge, "temporal_patch_size": form.temporal}
    for key, cut in keys.items():
        if tower.get(key, cut) != cut:
            raise ModelError(
                f"{folder}: screenshots would be cut with {key} {cut}, its vision tower reads {tower[key]}; take "
                f"{IMAGE_SETTINGS} and config.json from the same model"
            )
