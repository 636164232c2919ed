"""Models of real shapes with random weights, made where they are used, and random episodes for them to learn from.

Weights are random since only arithmetic, memory and time are measured; no file is fetched. The vocabulary is as large
as the real model's, its words are those of the small policy's tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import transformers

from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.contract.plan.known_models import QWEN2, QWEN2_5
from arpo_engine.contract.plan.shapes import LARGEST_PIXELS, MERGE, ModelShape, TowerShape
from arpo_engine.contract.resize import PixelLimits
from arpo_engine.models.families import FAMILIES
from arpo_engine.models.patches import PatchFormat
from arpo_engine.models.pocket.tokenizer import build_tokenizer
from arpo_engine.models.policy import Policy
from arpo_engine.types import Group, Member, Step, Trajectory

WORDS = ("You", "are", "a", "GUI", "agent", "click", "type", "Thought", "Action", "start", "box")
CONTEXT = 65_536
TINY = ModelShape(
    kind="qwen2_5_vl", layers=2, hidden=64, heads=4, kv_heads=2, head_size=16, intermediate=96, vocabulary=1024,
    tied=True, tower=TowerShape(kind="qwen2_5_vl", depth=2, width=32, intermediate=48, out=64),
)  # fmt: skip
SHAPES = {"2B": QWEN2["2B"], "3B": QWEN2_5["3B"], "7B": QWEN2_5["7B"], "tiny": TINY}
"""2B is UI-TARS-2B's (Qwen2-VL), 3B and 7B are Qwen2.5-VL's, of which UI-TARS-1.5-7B is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episodes:
    """How long the episodes of a measurement are."""

    name: str
    turns: int
    screen: tuple[int, int]
    reply: int
    """Sampled tokens of a turn."""


LENGTHS = {
    "4k": Episodes(name="4k", turns=15, screen=(448, 280), reply=100),
    "43k": Episodes(name="43k", turns=15, screen=(1920, 1080), reply=110),
    "tiny": Episodes(name="tiny", turns=3, screen=(112, 84), reply=6),
}


def config_of(shape: ModelShape, special: dict[str, int]) -> Any:
    """The transformers config of a shape: what `shape_from` reads, written; `special` are the ids of its tokens."""
    half = shape.head_size // 2
    spatial = half * 3 // 8
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [half - 2 * spatial, spatial, spatial]}
    text = {
        "vocab_size": shape.vocabulary, "hidden_size": shape.hidden, "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads, "head_dim": shape.head_size,
        "num_key_value_heads": shape.kv_heads, "max_position_embeddings": CONTEXT, "rope_parameters": rope,
        "tie_word_embeddings": shape.tied,
    }  # fmt: skip
    if shape.kind != "qwen3_vl":
        del text["head_dim"]
    make = getattr(transformers, FAMILIES[shape.kind].architecture.replace("ForConditionalGeneration", "Config"))
    return make(text_config=text, vision_config=_tower(shape.tower), tie_word_embeddings=shape.tied, **special)


def _tower(tower: TowerShape) -> dict[str, Any]:
    heads = max(2, tower.width // 80)
    common = {"depth": tower.depth, "num_heads": heads, "patch_size": tower.patch}
    if tower.kind == "qwen2_vl":
        ratio = tower.intermediate // tower.width
        return {**common, "embed_dim": tower.width, "mlp_ratio": ratio, "hidden_size": tower.out}
    wide = {**common, "hidden_size": tower.width, "intermediate_size": tower.intermediate, "out_hidden_size": tower.out}
    if tower.kind == "qwen3_vl":
        at = [tower.depth * (level + 1) // (tower.levels + 1) for level in range(tower.levels)]
        return {**wide, "num_heads": 16, "deepstack_visual_indexes": at, "num_position_embeddings": tower.places}
    every = range(tower.depth) if tower.full_attention else range(7, tower.depth, 8)
    return {**wide, "fullatt_block_indexes": list(every), "window_size": 112}


def random_policy(shape: ModelShape, device: str, dtype: torch.dtype, seed: int = 0) -> Policy:
    """A policy of this shape, with random weights, on a device."""
    tokenizer = build_tokenizer(WORDS)
    ids: Any = tokenizer.convert_tokens_to_ids
    special = {
        "image_token_id": ids("<|image_pad|>"), "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"), "vision_end_token_id": ids("<|vision_end|>"),
    }  # fmt: skip
    make: Any = getattr(transformers, FAMILIES[shape.kind].architecture)
    before = torch.get_default_dtype()
    torch.manual_seed(seed)
    try:
        # Not `.to(dtype)` afterwards: frequencies of positions have to stay float32.
        torch.set_default_dtype(dtype)
        with torch.device(device):
            model = make(config_of(shape, special))
    finally:
        torch.set_default_dtype(before)
    side = shape.tower.patch * MERGE
    limits = PixelLimits(factor=side, max_pixels=LARGEST_PIXELS[shape.tower.patch])
    return Policy(model.eval(), tokenizer, PatchFormat(limits=limits, patch=shape.tower.patch))


def random_group(policy: Policy, episodes: Episodes, count: int, seed: int = 0) -> Group:
    """So many episodes of one task, with advantages of both signs; no two screenshots are equal."""
    rng = np.random.default_rng(seed)
    trajectories = [_trajectory(policy, episodes, f"episode-{number}", rng) for number in range(count)]
    members = (
        Member(trajectory=item, advantage=1.0 if number % 2 else -1.0) for number, item in enumerate(trajectories)
    )
    return Group(group_id="g", task_id="t", members=tuple(members))


def _trajectory(policy: Policy, episodes: Episodes, name: str, rng: np.random.Generator) -> Trajectory:
    chat, (width, height) = policy.chat, episodes.screen
    steps = []
    for turn in range(episodes.turns):
        pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        new = chat.turn_ids(episodes.screen)
        if not turn:
            new = chat.opening_ids("You are a GUI agent", "click start", episodes.screen)
        reply = [*rng.integers(0, 200, episodes.reply - 1).tolist(), chat.end_id]
        steps.append(
            Step(
                pixels=pixels, prompt_ids=tuple(new), reply_ids=tuple(reply), reply_logprobs=(-5.3,) * len(reply),
                weight_version=0, text="", thought="", action=None,
            )
        )  # fmt: skip
    return Trajectory(
        episode_id=name, task_id="t", steps=tuple(steps), ended_by=EndedBy.FINISHED, score=1.0, reward=1.0
    )
