"""Sizes of models that people train with ARPO, by a model's name: plain numbers from the models' own config files."""

from __future__ import annotations

import re
from dataclasses import dataclass

POCKET_PIXELS = 224 * 168
OSWORLD_PIXELS = 1920 * 1080


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What memory depends on."""

    parameters: float
    layers: int
    hidden: int
    kv_heads: int
    head_size: int
    vocabulary: int

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that the cache holds for one token: a key and a value for each layer and head."""
        return 2 * self.layers * self.kv_heads * self.head_size


_POCKET = ModelShape(parameters=946_512, layers=4, hidden=128, kv_heads=2, head_size=32, vocabulary=512)
_2B = ModelShape(parameters=2.21e9, layers=28, hidden=1536, kv_heads=2, head_size=128, vocabulary=151_936)
_3B = ModelShape(parameters=3.75e9, layers=36, hidden=2048, kv_heads=2, head_size=128, vocabulary=151_936)
_7B = ModelShape(parameters=8.29e9, layers=28, hidden=3584, kv_heads=4, head_size=128, vocabulary=152_064)
_32B = ModelShape(parameters=33.5e9, layers=64, hidden=5120, kv_heads=8, head_size=128, vocabulary=152_064)
_72B = ModelShape(parameters=73.4e9, layers=80, hidden=8192, kv_heads=8, head_size=128, vocabulary=152_064)

_BY_SIZE = {"2B": _2B, "3B": _3B, "7B": _7B, "32B": _32B, "72B": _72B}
"""Qwen2-VL and Qwen2.5-VL, which UI-TARS 1.0 and 1.5 are; the vision tower is counted in."""
_UI_TARS_1_0 = re.compile(r"UI-TARS-(?:2B|7B|72B)", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\d.])(\d+)B(?![a-z])", re.IGNORECASE)


def says_thousandths(model: object) -> bool:
    """Whether a model, by its name, says coordinates in thousandths of the screen (UI-TARS 1.0)."""
    return isinstance(model, str) and _UI_TARS_1_0.search(model) is not None


def shape_of(model: str) -> ModelShape | None:
    """The shape of a model by its name; None where the name does not tell it."""
    if model == "builtin:pocket":
        return _POCKET
    found = _SIZE.findall(model)
    return _BY_SIZE.get(f"{found[-1]}B") if found else None
