"""Memory of a learner and its sampler, component by component, on each GPU and in the computer's own memory.

Estimates of the largest moment of each phase, from a model's shape and the run's work. Activations are counted as this
engine's own passes keep them for the gradient (`models/language.py`, `models/vision.py`), attention fused. A phase's
components lie in memory at the same time; the phases follow one another. Knows no machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from arpo_engine.contract.plan.means import Means
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.plan.work import HEADERS, Work

GB = 1e9
LOGITS = 16
"""Bytes for each sampled token and word of the vocabulary: logits, log-probs and their gradients in float32."""
Place = Literal["gpu", "memory"]
Phase = Literal["always", "update", "pass", "seeing", "learning", "scoring", "updating", "sampling"]
"""When a component lies in memory: `pass` from a pass forward until its gradients have flown back, `update` from the
first pass of an update until its weights are moved."""
Moment = Literal["seeing", "learning", "scoring", "updating", "sampling"]
MOMENTS: Mapping[Moment, tuple[Phase, ...]] = {
    "seeing": ("always", "update", "pass", "seeing"),
    "learning": ("always", "update", "pass", "learning"),
    "scoring": ("always", "update", "pass", "scoring"),
    "updating": ("always", "update", "updating"),
    "sampling": ("always", "sampling"),
}
"""What lies there at the same time: the vision tower reads screenshots, gradients flow back through the layers, sampled
tokens are scored by the head, weights are moved, replies are sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Memory of one component."""

    component: str
    gb: float
    place: Place
    """On each GPU that learns, or in the computer's memory (all of it together)."""
    phase: Phase
    how: str


def by_moment(rows: Iterable[Row], place: Place) -> dict[Moment, float]:
    """What lies there at the same time, at each moment (GB)."""
    there = [row for row in rows if row.place == place]
    return {moment: sum(row.gb for row in there if row.phase in phases) for moment, phases in MOMENTS.items()}


def memory_of(shape: ModelShape, work: Work, means: Means) -> tuple[Row, ...]:
    """Everything, in the order in which it is usually looked for."""
    rows = [*_weights(shape, means)]
    if means.trains:
        rows += [*_learning(shape, means), *_passes(shape, work, means)]
    rows += [*_sampling(shape, work, means), _pictures(work)]
    return tuple(row for row in rows if row.gb > 0)


def learnt(shape: ModelShape, means: Means) -> int:
    """Numbers that learn: all weights, those outside the vision tower, or an adapter's."""
    if means.rank:
        return shape.adapter(means.rank, means.targets, vision=means.tower_learns)
    return shape.parameters - (0 if means.tower_learns else shape.vision)


def layer_bytes(shape: ModelShape, means: Means) -> int:
    """What one decoder layer keeps of one token for its gradient.

    Inputs and outputs of both norms, queries, keys, values (repeated to as many heads) and their attention, and four
    rows of the MLP: gate, its activation, up, and their product. Beside an adapter the frozen layers keep none of their
    inputs, and each adapted one a copy of its own in float32.
    """
    query, hidden, inner = shape.heads * shape.head_size, shape.hidden, shape.intermediate
    if not means.rank:
        return (4 * hidden + 4 * query + 4 * inner) * means.compute
    copies = {
        "q_proj": hidden, "k_proj": hidden, "v_proj": hidden, "o_proj": query,
        "gate_proj": hidden, "up_proj": hidden, "down_proj": inner,
    }  # fmt: skip
    adapted = sum(size for name, size in copies.items() if means.adapts(name))
    return (2 * hidden + 4 * query + 3 * inner) * means.compute + adapted * 4


def _weights(shape: ModelShape, means: Means) -> Iterator[Row]:
    said = "weights" if not means.trains else ("weights, with an adapter" if means.rank else "weights that learn")
    yield _spread(means, said, shape.parameters * means.width, "always", f"{means.width} bytes a weight")
    if means.reference:
        held = shape.parameters * means.width / GB
        place: Place = "memory" if means.reference == "offloaded" else "gpu"
        yield Row(component="reference policy", gb=held, place=place, phase="always", how="for the KL distance")
    if means.shards > 1 or means.offload:
        words = shape.vocabulary * shape.hidden * (1 if shape.tied else 2)
        gathered = (words + 2 * shape.layer_parameters) * means.compute
        yield _gpu(
            "weights brought together", gathered, "pass", "the layer that computes and the next one, and all words"
        )


def _learning(shape: ModelShape, means: Means) -> Iterator[Row]:
    """What grows with the number of weights that learn."""
    numbers, width, which = learnt(shape, means), means.width, "weight that learns"
    if means.rank:
        width, which = 4, "number of the adapter"
        how = f"{numbers / 1e6:.1f} million numbers of rank {means.rank}, {width} bytes each"
        yield _spread(means, "adapter (LoRA)", numbers * width, "always", how)
    yield _spread(means, "gradients", numbers * width, "update", f"{width} bytes a {which}")
    moments = 6 if means.small_moments else 2 * width
    kind = "adamw_bf16" if means.small_moments else "adamw"
    yield _spread(means, "optimizer", numbers * moments, "always", f"moments of {kind}, {moments} bytes a {which}")
    yield _spread(means, "working space of the optimizer", numbers * width, "updating", "while weights are moved")


def _passes(shape: ModelShape, work: Work, means: Means) -> Iterator[Row]:
    """What a pass forward and back holds, for the trajectories whose gradients are computed together."""
    trajectories = means.trajectories_at_once(work)
    tokens, layer = trajectories * work.trajectory_tokens, layer_bytes(shape, means)
    of = f"{trajectories} x {work.trajectory_tokens:,} tokens at once"
    if means.checkpointing:
        kept, how = shape.layers * shape.hidden * means.compute, f"inputs of {shape.layers} layers, {of}"
        yield _gpu("activations of one layer", layer * tokens, "learning", "computed again, one layer at a time")
    else:
        # The last layer is computed at the sampled tokens only.
        kept, how = (shape.layers - 1) * layer, f"{shape.layers} layers, {of}"
    yield _gpu("activations", kept * tokens, "pass", how)
    # Beside an adapter one row of the MLP flows back in float32.
    backward = 2 * (shape.intermediate + shape.hidden) * means.compute + 2 * shape.intermediate * bool(means.rank)
    yield _gpu("working space of a pass", backward * tokens, "learning", "gradients of one layer's activations")
    sampled = trajectories * work.sampled
    together = min(sampled, means.chunk or sampled)
    how = f"of {together:,} sampled tokens at once, {LOGITS} bytes for each word of {shape.vocabulary:,}"
    yield _gpu("logits", together * shape.vocabulary * LOGITS, "scoring", how)
    if not means.rank:
        head = 2 * shape.vocabulary * shape.hidden * means.compute
        yield _gpu("working space of the head", head, "scoring", "its gradient, before it is added up")
    yield from _tower(shape, work, means, trajectories * work.learnt_screenshots)


def _tower(shape: ModelShape, work: Work, means: Means, frames: int) -> Iterator[Row]:
    """The vision tower reads all screenshots of a pass in one go."""
    tower, patches = shape.tower, frames * work.patches
    gates = 4 if tower.kind == "qwen2_5_vl" else 2
    kept = (8 * tower.width + gates * tower.intermediate) * means.compute
    passing = max(7 * tower.width, 2 * tower.width + gates * tower.intermediate) * means.compute
    said = f"{frames:,} screenshots of {work.patches:,} patches"
    if not means.tower_learns:
        yield _gpu("vision tower", passing * patches, "seeing", f"frozen: one block at a time, {said}")
    elif means.tower_checkpointing:
        inputs = tower.depth * tower.width * means.compute
        yield _gpu("vision tower", inputs * patches, "pass", f"inputs of {tower.depth} blocks, {said}")
        yield _gpu("vision tower, one block", kept * patches, "seeing", "computed again, one block at a time")
    else:
        yield _gpu("vision tower", tower.depth * kept * patches, "pass", f"{tower.depth} blocks, {said}")
    out = (1 + tower.levels) * shape.hidden * means.compute * frames * work.screenshot
    yield _gpu("visual tokens", out, "pass", "what the language model reads of the screenshots")


def _sampling(shape: ModelShape, work: Work, means: Means) -> Iterator[Row]:
    """Weights and contexts of the generator."""
    if means.sampler == "vllm":
        phase: Phase = "sampling" if means.sleeps else "always"
        share, each = means.engine_gpus, -(-means.at_once // means.engines)
        over = f"vLLM in bfloat16, {means.engines} engines of {share} GPUs"
        weights, one = shape.parameters * 2 / share, work.context * shape.kv_values_per_token * 2 / share
        yield _gpu("weights that sample", weights, phase, over)
        cache = each * one if means.engine_gb is None else max(one, means.engine_gb * GB - weights)
        how = f"keys and values of {cache / one:.0f} trajectories; others wait, of the {each} of an engine"
        yield _gpu("cache of contexts", cache, phase, how)
        if means.rank:
            # Made for every push, of every adapted layer before the first is sent.
            merged = shape.adapted(means.targets, vision=means.tower_learns) * means.width / GB
            place: Place = "memory" if means.apart else "gpu"
            how = "layers with the adapter merged into them, for as long as they are sent to the engines"
            yield Row(component="merged copy of a push", gb=merged, place=place, phase="sampling", how=how)
        if means.apart:
            held, how = shape.parameters * means.width / GB, "a whole copy, which is pushed and saved"
            yield Row(component="weights of the run's process", gb=held, place="memory", phase="always", how=how)
    elif means.sampler == "hf":
        copies = means.apart + means.streams
        how = f"{copies} whole {'copy' if copies == 1 else 'copies'}, in the process of the run"
        yield _gpu("weights that sample", copies * shape.parameters * means.width, "always", how)
        rows = min(means.at_once, means.batch)
        cache = (means.at_once + rows) * work.context * shape.kv_values_per_token * means.width
        how = f"{means.at_once} trajectories of {work.context:,} tokens, and the batch of {rows} that is answered"
        yield _gpu("cache of contexts", cache, "sampling", how)
        # Scores of a turn's tokens against all before are masked, and the MLP's rows are held once.
        turn = work.screenshot + work.reply + HEADERS
        reading = rows * turn * (work.context * (1 + means.width) + 4 * shape.intermediate * means.width)
        yield _gpu("working space of sampling", reading, "sampling", f"a turn of {rows} trajectories at once")


def _pictures(work: Work) -> Row:
    """Screenshots travel as bytes and are cut into patches at the learner."""
    width, height = work.screen
    count = work.per_step * work.turns
    how = f"{count:,} of {width} x {height} pixels, 3 bytes each"
    return Row(
        component="screenshots of a step", gb=count * width * height * 3 / GB, place="memory", phase="always", how=how
    )


def _spread(means: Means, component: str, held: float, phase: Phase, how: str) -> Row:
    """What the ranks share out among them; offloaded, all of it lies in the computer's memory."""
    if means.offload:
        return Row(component=component, gb=held * means.ranks / means.shards / GB, place="memory", phase=phase, how=how)
    spread = f", over {means.shards} GPUs" if means.shards > 1 else ""
    return _gpu(component, held / means.shards, phase, how + spread)


def _gpu(component: str, held: float, phase: Phase, how: str) -> Row:
    return Row(component=component, gb=held / GB, place="gpu", phase=phase, how=how)
