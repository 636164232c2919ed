"""A Qwen-VL's language model with its own weights: whole contexts for learning, a key-value cache for sampling.

B batch, L context length, Q queried places, H hidden size, D head size. Contexts are padded on the right, so a causal
mask is all that a batch needs, or they stand in one row (see `segments`). Must not know how replies are sampled or
scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from arpo_engine.models.passes import through
from arpo_engine.models.recompute import recomputed
from arpo_engine.models.segments import Segments
from arpo_engine.models.vision import rms_norm, rotate

INTERLEAVED = "qwen3_vl_text"
"""Kind of language model whose heads give their parts to time, row and column in turn."""


class KeyValues:
    """Keys and values of a batch of contexts, one row a context, written at each row's own columns."""

    def __init__(self, text_config: Any, rows: int, columns: int, like: Tensor) -> None:
        layers, heads = text_config.num_hidden_layers, text_config.num_key_value_heads
        head_size = getattr(text_config, "head_dim", None) or text_config.hidden_size // text_config.num_attention_heads
        self.data = like.new_zeros(layers, 2, rows, columns, heads, head_size)
        self._row = torch.arange(rows, device=like.device)[:, None]

    def write(self, layer: int, columns: Tensor, key: Tensor, value: Tensor) -> None:
        """Put `key` and `value` [B, heads, L, D] at `columns` [B, L]."""
        self.data[layer, 0][self._row, columns] = key.transpose(1, 2)
        self.data[layer, 1][self._row, columns] = value.transpose(1, 2)

    def read(self, layer: int, length: int) -> tuple[Tensor, Tensor]:
        """Keys and values [B, heads, length, D]."""
        pair = self.data[layer, :, :, :length].transpose(2, 3)
        return pair[0], pair[1]


def fits(language: Any, deepstack_levels: int = 0) -> bool:
    """Whether the passes below compute what the module computes; with a deepstack only its last layer must be free."""
    config = language.config
    windowed = any(kind != "full_attention" for kind in (getattr(config, "layer_types", None) or ()))
    rope = config.rope_parameters
    plain = rope.get("rope_type", "default") == "default" and not config.attention_dropout
    return plain and not windowed and deepstack_levels < config.num_hidden_layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Deepstack:
    """What the vision tower adds to the hidden states of image tokens behind the first layers (Qwen3-VL)."""

    places: Tensor
    """[n] where the batch's image tokens stand among its B * L tokens, in reading order."""
    features: tuple[Tensor, ...]
    """[n, H] for each of the first layers."""

    def join(self, layer: int, hidden: Tensor) -> Tensor:
        """Hidden states [B, L, H] behind `layer` with its features."""
        if layer >= len(self.features):
            return hidden
        flat = hidden.flatten(0, 1)
        return flat.index_add(0, self.places, self.features[layer].to(hidden.dtype)).view_as(hidden)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Where the tokens of a pass are kept, so that later passes see them."""

    cache: KeyValues
    columns: Tensor
    """[B, L] column of each new token; what a row's padding writes is overwritten by the tokens that follow."""


def forward(
    language: Any,
    embedded: Tensor,
    positions: Tensor,
    places: Tensor | None = None,
    memory: Memory | None = None,
    deepstack: Deepstack | None = None,
    segments: Segments | None = None,
    recompute: bool = False,
) -> Tensor:
    """Final hidden states [B, Q, H] at `places` [B, Q] (all, when none are named) of tokens [B, L, H] with positions
    [3, B, L]; without a memory the tokens are whole contexts, with one they follow what it holds.

    The last layer is computed at the asked places only: that is where most tokens of a screenshot drop out. What a
    deepstack adds, it adds before (see `fits`). With `segments` the tokens are contexts in one row (B = 1). With
    `recompute` of each layer only what it reads is kept for the way back.
    """
    rotation = rotations(language, positions, embedded.dtype)
    columns = _columns(embedded) if memory is None else memory.columns
    length = embedded.shape[1] if memory is None else int(columns.max()) + 1
    seen: Tensor | Segments | None = segments if memory is None else _seen(columns, length)
    last, hidden = len(language.layers) - 1, embedded
    for index, layer in enumerate(language.layers):
        asked = places if index == last else None
        if asked is not None and segments is None:
            seen = _seen(columns.gather(1, asked), length)
        arguments = (layer, index, hidden, rotation, seen, asked, memory)
        # Weights are brought together outside, so that they are whole when the layer is computed again, too.
        hidden = through(layer, recomputed if recompute else _called, _one_layer, *arguments)
        if deepstack is not None:
            hidden = deepstack.join(index, hidden)
    final: Tensor = rms_norm(language.norm, hidden)
    return final


def _called(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    return function(*arguments)


def _one_layer(
    layer: Any,
    index: int,
    hidden: Tensor,
    rotation: tuple[Tensor, Tensor],
    seen: Tensor | Segments | None,
    asked: Tensor | None,
    memory: Memory | None,
) -> Tensor:
    """Hidden states behind one decoder layer, at the asked places only if some are named."""
    normed = rms_norm(layer.input_layernorm, hidden)
    asking, at_asking = normed, rotation
    if asked is not None:
        hidden, asking = _pick(hidden, asked), _pick(normed, asked)
        at_asking = (_pick(rotation[0], asked), _pick(rotation[1], asked))
    query, key, value = project(layer.self_attn, asking, normed, at_asking, rotation)
    if memory is not None:
        memory.cache.write(index, memory.columns, key, value)
        key, value = memory.cache.read(index, int(memory.columns.max()) + 1)
    if not isinstance(seen, Segments):
        attended = attend(query, key, value, seen)
    elif asked is None:
        attended = seen.attend(query, key, value)
    else:
        attended = seen.attend_at(asked[0], query, key, value)
    return close_layer(layer, hidden, attended)


def rotations(language: Any, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosines and sines [B, L, D] of positions [3, B, L]: the head's parts are given to time, row and column, one after
    the other or (Qwen3-VL) in turn."""
    angles = positions[..., None].float() * language.rotary_emb.inv_freq.float()
    sections = language.config.rope_parameters["mrope_section"]
    if language.config.model_type == INTERLEAVED:
        chosen = _interleaved(angles, sections)
    else:
        chosen = torch.cat([part[index % 3] for index, part in enumerate(angles.split(sections, -1))], -1)
    chosen = torch.cat([chosen, chosen], -1)
    return chosen.cos().to(dtype), chosen.sin().to(dtype)


def _interleaved(angles: Tensor, sections: Sequence[int]) -> Tensor:
    """Angles [B, L, D / 2] of time, row, column, time, …; what rows and columns do not fill is time's."""
    axis = torch.zeros(angles.shape[-1], dtype=torch.long, device=angles.device)
    for number in (1, 2):
        axis[number : 3 * sections[number] : 3] = number
    return angles.gather(0, axis.expand(1, *angles.shape[1:]))[0]


def _columns(embedded: Tensor) -> Tensor:
    return torch.arange(embedded.shape[1], device=embedded.device).expand(embedded.shape[0], -1)


def _seen(columns: Tensor, length: int) -> Tensor:
    """[B, 1, Q, length]: a token sees what stands in its own column and before."""
    return (torch.arange(length, device=columns.device) <= columns[..., None])[:, None]


def _pick(values: Tensor, places: Tensor) -> Tensor:
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[-1]))


def project(
    attention: Any, asking: Tensor, offered: Tensor, at_asking: tuple[Tensor, Tensor], at_offered: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Query of `asking`, key and value of `offered`, each [B, heads, length, D] and rotated to its position."""

    def heads(projection: Any, states: Tensor) -> Tensor:
        split: Tensor = projection(states).unflatten(-1, (-1, attention.head_dim))
        return split.transpose(1, 2)

    query, key = heads(attention.q_proj, asking), heads(attention.k_proj, offered)
    if hasattr(attention, "q_norm"):  # Qwen3-VL
        query, key = rms_norm(attention.q_norm, query), rms_norm(attention.k_norm, key)
    query = rotate(query, at_asking[0][:, None], at_asking[1][:, None])
    key = rotate(key, at_offered[0][:, None], at_offered[1][:, None])
    return query, key, heads(attention.v_proj, offered)


def attend(query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
    """Attention [B, heads, Q, D]; without a mask it is causal. A single query folds the head groups that share keys
    into the length, so that a cache is not repeated in memory."""
    rows, heads, queries, head_size = query.shape
    groups = heads // key.shape[1]
    if queries == 1 and groups > 1 and seen is not None:
        folded = query.reshape(rows, key.shape[1], groups, head_size)
        attended = F.scaled_dot_product_attention(folded, key, value, attn_mask=seen.expand(-1, -1, groups, -1))
        return attended.reshape(rows, heads, 1, head_size)
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=seen, is_causal=seen is None)


def close_layer(layer: Any, hidden: Tensor, attended: Tensor) -> Tensor:
    """The rest of a decoder layer after its attention [B, heads, Q, D]."""
    hidden = hidden + layer.self_attn.o_proj(attended.transpose(1, 2).flatten(2))
    result: Tensor = hidden + layer.mlp(rms_norm(layer.post_attention_layernorm, hidden))
    return result
