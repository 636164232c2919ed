"""The shape of a Qwen-VL and what follows from it: parameters, an adapter's numbers, a screenshot's tokens.

All is arithmetic on the numbers of a model's `config.json`. Knows no weights, no files and no names of models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arpo_engine.contract.resize import PixelLimits, smart_resize

Kind = Literal["qwen2_vl", "qwen2_5_vl", "qwen3_vl"]
KINDS: Mapping[str, Kind] = {"qwen2_vl": "qwen2_vl", "qwen2_5_vl": "qwen2_5_vl", "qwen3_vl": "qwen3_vl"}
ALL_LINEAR = "all-linear"
MERGE = 2
"""Patches along each side that become one visual token."""
FRAMES = 2
"""A still picture is read as two equal frames."""
LARGEST_PIXELS = {14: PixelLimits().max_pixels, 16: 4096 * 4096}
"""By the side of a patch: what the image processors of these models allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TowerShape:
    """The vision tower."""

    kind: Kind
    depth: int
    width: int
    intermediate: int
    out: int
    patch: int = 14
    levels: int = 0
    """Mergers whose features join the language model behind its first layers (Qwen3-VL)."""
    places: int = 0
    """Learnt places (Qwen3-VL)."""
    full_attention: bool = True
    """Whether every block sees the whole screenshot; most of Qwen2.5-VL's see windows."""

    @property
    def linear(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of every linear layer."""
        mlp = [(self.width, self.intermediate), (self.intermediate, self.width)]
        if self.kind == "qwen2_5_vl":
            mlp.insert(0, mlp[0])
        block = [(self.width, 3 * self.width), (self.width, self.width), *mlp]
        merged = self.width * MERGE**2
        return (*block * self.depth, *[(merged, merged), (merged, self.out)] * (1 + self.levels))

    @property
    def parameters(self) -> int:
        """All weights and biases."""
        matrices = sum(inputs * outputs + outputs for inputs, outputs in self.linear)
        colours = 3 * FRAMES * self.patch**2 * self.width
        # An RMS norm (Qwen2.5-VL) has weights only, a layer norm a bias as well.
        norm = self.width if self.kind == "qwen2_5_vl" else 2 * self.width
        norms = norm * (2 * self.depth + 1) + 2 * self.width * MERGE**2 * self.levels
        learnt_places = self.places * self.width + (self.width if self.kind == "qwen3_vl" else 0)
        return matrices + colours + norms + learnt_places

    @property
    def sides(self) -> int:
        """Inputs and outputs of all linear layers, added up: an adapter has rank times as many numbers."""
        return sum(inputs + outputs for inputs, outputs in self.linear)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A whole model."""

    kind: Kind
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate: int
    vocabulary: int
    tied: bool
    """Whether the head is the embedding."""
    tower: TowerShape

    @property
    def _widths(self) -> tuple[int, int]:
        """Of queries and of keys."""
        return self.heads * self.head_size, self.kv_heads * self.head_size

    @property
    def layer_parameters(self) -> int:
        """Weights of one decoder layer."""
        query, key = self._widths
        projections = 2 * self.hidden * query + 2 * self.hidden * key + 3 * self.hidden * self.intermediate
        # Qwen3-VL normalises queries and keys where the others have biases.
        small = 2 * self.head_size if self.kind == "qwen3_vl" else query + 2 * key
        return projections + small + 2 * self.hidden

    @property
    def parameters(self) -> int:
        """All weights; a tied head counts once."""
        vocabulary = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return self.layers * self.layer_parameters + self.hidden + vocabulary + self.tower.parameters

    @property
    def vision(self) -> int:
        """Weights of the vision tower, which `parameters` counts in."""
        return self.tower.parameters

    @property
    def kv_values_per_token(self) -> int:
        """Numbers that the cache holds for one token: a key and a value for each layer and head."""
        return 2 * self.layers * self.kv_heads * self.head_size

    def adapter(self, rank: int, targets: Sequence[str], *, vision: bool) -> int:
        """Numbers of a LoRA adapter; layers of the vision tower are counted where all linear ones are meant."""
        query, key, mlp = (self.hidden + other for other in (*self._widths, self.intermediate))
        sides = {
            "q_proj": query, "k_proj": key, "v_proj": key, "o_proj": query,
            "gate_proj": mlp, "up_proj": mlp, "down_proj": mlp,
        }  # fmt: skip
        everything = ALL_LINEAR in targets
        language = self.layers * sum(side for name, side in sides.items() if everything or name in targets)
        return rank * (language + (self.tower.sides if everything and vision else 0))

    def adapted(self, targets: Sequence[str], *, vision: bool) -> int:
        """Weights of the layers that an adapter stands beside."""
        query, key = (self.hidden * width for width in self._widths)
        mlp = self.hidden * self.intermediate
        sizes = {
            "q_proj": query, "k_proj": key, "v_proj": key, "o_proj": query,
            "gate_proj": mlp, "up_proj": mlp, "down_proj": mlp,
        }  # fmt: skip
        everything = ALL_LINEAR in targets
        language = self.layers * sum(size for name, size in sizes.items() if everything or name in targets)
        tower = sum(inputs * outputs for inputs, outputs in self.tower.linear) if everything and vision else 0
        return language + tower

    def screenshot_patches(self, width: int, height: int, max_pixels: int | None = None) -> int:
        """Patches that the tower reads of a screen of this many pixels, shown as at most `max_pixels` of them."""
        side = self.tower.patch * MERGE
        largest = LARGEST_PIXELS.get(self.tower.patch, PixelLimits().max_pixels)
        limits = PixelLimits(factor=side, max_pixels=min(largest, max_pixels or largest))
        new_width, new_height = smart_resize(width, height, limits)
        return (new_width // side) * (new_height // side) * MERGE**2

    def screenshot_tokens(self, width: int, height: int) -> int:
        """Visual tokens of a screen of this many pixels: 2,691 at 1920 x 1080 with patches of 14, 2,040 with 16."""
        return self.screenshot_patches(width, height) // MERGE**2


def shape_from(settings: Mapping[str, Any]) -> ModelShape | None:
    """The shape that a `config.json` tells, in the words of transformers 4 or 5; None for another kind of model.

    transformers 5 keeps the language model under `text_config`; 4 had it at the top. Qwen2-VL says `embed_dim` and
    `mlp_ratio` of its tower, the others `hidden_size` and `intermediate_size`.
    """
    kind = KINDS.get(str(settings.get("model_type")))
    vision = settings.get("vision_config")
    text = settings.get("text_config") or settings
    if kind is None or not isinstance(vision, Mapping) or not isinstance(text, Mapping):
        return None
    try:
        hidden, heads = int(text["hidden_size"]), int(text["num_attention_heads"])
        tied = text.get("tie_word_embeddings", settings.get("tie_word_embeddings", False))
        return ModelShape(
            kind=kind,
            layers=int(text["num_hidden_layers"]),
            hidden=hidden,
            heads=heads,
            kv_heads=int(text["num_key_value_heads"]),
            head_size=int(text.get("head_dim") or hidden // heads),
            intermediate=int(text["intermediate_size"]),
            vocabulary=int(text["vocab_size"]),
            tied=tied is True,
            tower=_tower(kind, vision, hidden),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _tower(kind: Kind, vision: Mapping[str, Any], hidden: int) -> TowerShape:
    depth = int(vision.get("depth", 32))
    if kind == "qwen2_vl":
        width = int(vision.get("embed_dim", 1280))
        return TowerShape(
            kind=kind, depth=depth, width=width, intermediate=int(width * vision.get("mlp_ratio", 4)),
            out=int(vision.get("hidden_size", hidden)), patch=int(vision.get("patch_size", 14)),
        )  # fmt: skip
    whole = vision.get("fullatt_block_indexes")
    return TowerShape(
        kind=kind,
        depth=depth,
        width=int(vision["hidden_size"]),
        intermediate=int(vision["intermediate_size"]),
        out=int(vision.get("out_hidden_size", hidden)),
        patch=int(vision.get("patch_size", 16 if kind == "qwen3_vl" else 14)),
        levels=len(vision.get("deepstack_visual_indexes") or ()),
        places=int(vision.get("num_position_embeddings") or 0),
        full_attention=whole is None or set(range(depth)) <= set(whole),
    )
