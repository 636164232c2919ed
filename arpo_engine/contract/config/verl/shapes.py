"""Sizes of models that people train with ARPO, by a model's name: plain numbers from the models' own config files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

POCKET_PIXELS = 224 * 168
OSWORLD_PIXELS = 1920 * 1080


ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """What memory depends on."""

    parameters: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    vision: float
    """Parameters of the vision tower, which `parameters` counts in."""
    vision_sides: float
    """Inputs and outputs of the vision tower's linear layers, added up: its LoRA has rank times as many numbers."""

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that the cache holds for one token: a key and a value for each layer and head."""
        return 2 * self.layers * self.kv_heads * self.head_size

    def adapter(self, rank: int, targets: Sequence[str], *, vision: bool) -> float:
        """Numbers of a LoRA adapter; layers of the vision tower are counted where all linear ones are meant."""
        query, key, mlp = (
            self.hidden + other
            for other in (self.heads * self.head_size, self.kv_heads * self.head_size, self.intermediate)
        )
        sides = {
            "q_proj": query, "k_proj": key, "v_proj": key, "o_proj": query,
            "gate_proj": mlp, "up_proj": mlp, "down_proj": mlp,
        }  # fmt: skip
        everything = ALL_LINEAR in targets
        language = self.layers * sum(side for name, side in sides.items() if everything or name in targets)
        return rank * (language + (self.vision_sides if everything and vision else 0.0))


_POCKET = ModelShape(
    parameters=946_512, layers=4, hidden=128, heads=4, kv_heads=2, head_size=32, intermediate=256, vocabulary=512,
    vision=223_440, vision_sides=1_976,
)  # fmt: skip
_QWEN2: dict[str, Any] = {"head_size": 128, "vision": 0.67e9, "vision_sides": 0.7e6}
_2B = ModelShape(
    parameters=2.21e9, layers=28, hidden=1536, heads=12, kv_heads=2, intermediate=8960, vocabulary=151_936, **_QWEN2
)
_3B = ModelShape(
    parameters=3.75e9, layers=36, hidden=2048, heads=16, kv_heads=2, intermediate=11_008, vocabulary=151_936, **_QWEN2
)
_7B = ModelShape(
    parameters=8.29e9, layers=28, hidden=3584, heads=28, kv_heads=4, intermediate=18_944, vocabulary=152_064, **_QWEN2
)
_32B = ModelShape(
    parameters=33.5e9, layers=64, hidden=5120, heads=40, kv_heads=8, intermediate=27_648, vocabulary=152_064, **_QWEN2
)
_72B = ModelShape(
    parameters=73.4e9, layers=80, hidden=8192, heads=64, kv_heads=8, intermediate=29_568, vocabulary=152_064, **_QWEN2
)

_BY_SIZE = {"2B": _2B, "3B": _3B, "7B": _7B, "32B": _32B, "72B": _72B}
"""Qwen2-VL and Qwen2.5-VL, which UI-TARS 1.0 and 1.5 are; the vision tower is counted in."""
_SMALL_TOWER: dict[str, Any] = {"head_size": 128, "vocabulary": 151_936, "vision": 0.41e9, "vision_sides": 0.45e6}
_LARGE_TOWER: dict[str, Any] = {"head_size": 128, "vocabulary": 151_936, "vision": 0.58e9, "vision_sides": 0.55e6}
_QWEN3_BY_SIZE = {
    "2B": ModelShape(
        parameters=2.13e9, layers=28, hidden=2048, heads=16, kv_heads=8, intermediate=6144, **_SMALL_TOWER
    ),
    "4B": ModelShape(
        parameters=4.44e9, layers=36, hidden=2560, heads=32, kv_heads=8, intermediate=9728, **_SMALL_TOWER
    ),
    "8B": ModelShape(
        parameters=8.77e9, layers=36, hidden=4096, heads=32, kv_heads=8, intermediate=12_288, **_LARGE_TOWER
    ),
    "32B": ModelShape(
        parameters=33.4e9, layers=64, hidden=5120, heads=64, kv_heads=8, intermediate=25_600, **_LARGE_TOWER
    ),
}
_QWEN3 = re.compile(r"Qwen3-VL", re.IGNORECASE)
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
    sizes = _QWEN3_BY_SIZE if _QWEN3.search(model) else _BY_SIZE
    return sizes.get(f"{found[-1]}B") if found else None
