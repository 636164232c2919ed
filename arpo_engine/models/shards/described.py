"""What a config says that its weights are called and how large they are; nothing is allocated for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForImageTextToText

from arpo_engine.contract.errors import CheckpointError

_OLD_LANGUAGE = re.compile(r"^model\.(?!language_model\.|visual\.)")


def model_config(settings: Path) -> Any:
    """The config of a model folder; code that may lie beside it is not run.

    Raises:
        CheckpointError: it cannot be read, or is of no model that sees images and writes words.
    """
    reader: Any = AutoConfig
    try:
        config = reader.from_pretrained(settings, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{settings / 'config.json'} cannot be read ({error}); give another with --config"
        ) from error
    if type(config) not in AutoModelForImageTextToText._model_mapping:
        raise CheckpointError(
            f"{settings / 'config.json'} describes a {config.model_type!r} model, which does not see images; give the "
            "config of the trained model with --config"
        )
    return config


def is_tied(config: Any) -> bool:
    """Whether the head is the embedding."""
    return bool(config.tie_word_embeddings)


def check_against(settings: Path, config: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Hold the weights that were found against those that the config describes.

    Raises:
        CheckpointError: some are lacking, unknown, or of another shape.
    """
    maker: Any = AutoModelForImageTextToText
    with torch.device("meta"):
        model = maker.from_config(config)
    wanted = {_as_today(name): tuple(weight.shape) for name, weight in model.state_dict().items()}
    there = {_as_today(name): (name, shape) for name, shape in shapes.items()}
    lacking = sorted(set(wanted) - set(there) - ({"lm_head.weight"} if is_tied(config) else set()))
    unknown = sorted(set(there) - set(wanted))
    if lacking or unknown:
        what = f"lacks {lacking[0]}" if lacking else f"has {there[unknown[0]][0]}, which that model has not"
        raise CheckpointError(
            f"the checkpoint is not of the model that {settings / 'config.json'} describes: it {what} ({len(lacking)} "
            f"lacking, {len(unknown)} unknown); give the config of the trained model with --config"
        )
    for name, (own_name, shape) in there.items():
        if shape != wanted[name]:
            raise CheckpointError(
                f"{own_name} has the shape {shape}, {settings / 'config.json'} describes {wanted[name]}; give the "
                "config of the trained model with --config"
            )


def _as_today(name: str) -> str:
    """Transformers called the two towers `visual.` and `model.` until 4.51."""
    return f"model.{name}" if name.startswith("visual.") else _OLD_LANGUAGE.sub("model.language_model.", name)
