"""Shapes of models that people train with ARPO, by their names, so that a plan needs neither weights nor a network.

Source: `config.json` of each model's repository on the Hugging Face hub (Qwen/Qwen2-VL-…, Qwen/Qwen2.5-VL-…,
Qwen/Qwen3-VL-…, and ByteDance-Seed/UI-TARS-…, which are fine-tuned from the first two and have their shapes); a test
builds each with transformers and counts.
"""

from __future__ import annotations

import re
from dataclasses import replace

from arpo_engine.contract.plan.shapes import ModelShape, TowerShape

POCKET = ModelShape(
    kind="qwen2_5_vl", layers=4, hidden=128, heads=4, kv_heads=2, head_size=32, intermediate=256, vocabulary=1024,
    tied=True, tower=TowerShape(kind="qwen2_5_vl", depth=1, width=64, intermediate=168, out=128),
)  # fmt: skip


def _qwen2(layers: int, hidden: int, heads: int, kv_heads: int, intermediate: int, *, small: bool) -> ModelShape:
    """A Qwen2-VL; small ones have a tied head and a smaller table of words."""
    return ModelShape(
        kind="qwen2_vl", layers=layers, hidden=hidden, heads=heads, kv_heads=kv_heads, head_size=128,
        intermediate=intermediate, vocabulary=151_936 if small else 152_064, tied=small,
        tower=TowerShape(kind="qwen2_vl", depth=32, width=1280, intermediate=5120, out=hidden),
    )  # fmt: skip


def _qwen2_5(language: ModelShape, intermediate: int) -> ModelShape:
    """A Qwen2.5-VL: the language model of a Qwen2 and a tower of gated layers, most of which see windows."""
    tower = TowerShape(
        kind="qwen2_5_vl", depth=32, width=1280, intermediate=intermediate, out=language.hidden, full_attention=False
    )
    return replace(language, kind="qwen2_5_vl", tower=tower)


def _qwen3(layers: int, hidden: int, heads: int, intermediate: int, *, small: bool) -> ModelShape:
    depth, width, inner = (24, 1024, 4096) if small else (27, 1152, 4304)
    return ModelShape(
        kind="qwen3_vl", layers=layers, hidden=hidden, heads=heads, kv_heads=8, head_size=128,
        intermediate=intermediate, vocabulary=151_936, tied=small,
        tower=TowerShape(
            kind="qwen3_vl", depth=depth, width=width, intermediate=inner, out=hidden, patch=16, levels=3, places=2304
        ),
    )  # fmt: skip


QWEN2 = {
    "2B": _qwen2(28, 1536, 12, 2, 8960, small=True),
    "7B": _qwen2(28, 3584, 28, 4, 18_944, small=False),
    "72B": _qwen2(80, 8192, 64, 8, 29_568, small=False),
}
QWEN2_5 = {
    "3B": _qwen2_5(_qwen2(36, 2048, 16, 2, 11_008, small=True), 3420),
    "7B": _qwen2_5(QWEN2["7B"], 3420),
    "32B": _qwen2_5(_qwen2(64, 5120, 40, 8, 27_648, small=False), 3456),
    "72B": _qwen2_5(QWEN2["72B"], 3456),
}
QWEN3 = {
    "2B": _qwen3(28, 2048, 16, 6144, small=True),
    "4B": _qwen3(36, 2560, 32, 9728, small=True),
    "8B": _qwen3(36, 4096, 32, 12_288, small=False),
    "32B": _qwen3(64, 5120, 64, 25_600, small=False),
}
_FAMILIES = (
    (re.compile(r"Qwen3[-_.]?VL", re.IGNORECASE), QWEN3),
    (re.compile(r"Qwen2\.5[-_.]?VL|UI-TARS-1\.5", re.IGNORECASE), QWEN2_5),
    (re.compile(r"Qwen2[-_.]?VL|UI-TARS-\d", re.IGNORECASE), QWEN2),
)
"""Searched in this order: a name of UI-TARS 1.5 would fit the last one, too."""
_UI_TARS_1_0 = re.compile(r"UI-TARS-(?:2B|7B|72B)", re.IGNORECASE)
_SIZE = re.compile(r"(?<![\d.])(\d+)B(?![a-z])", re.IGNORECASE)


def says_thousandths(model: object) -> bool:
    """Whether a model, by its name, says coordinates in thousandths of the screen (UI-TARS 1.0)."""
    return isinstance(model, str) and _UI_TARS_1_0.search(model) is not None


def shape_of(model: str) -> ModelShape | None:
    """The shape of a model by its name; None where the name does not tell it."""
    if model == "builtin:pocket":
        return POCKET
    sizes = _SIZE.findall(model)
    for name, family in _FAMILIES:
        if name.search(model):
            return family.get(f"{sizes[-1]}B") if sizes else None
    # A copy with a name of its own, such as /models/arpo-7b: the sizes of Qwen2.5-VL, then of Qwen2-VL, are likeliest.
    return {**QWEN2, **QWEN2_5}.get(f"{sizes[-1].upper()}B") if sizes else None
