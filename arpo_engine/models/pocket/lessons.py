"""What the pocket policy is taught from, as plain data, and the losses that teach it. Knows no desktop, no optimizer.

Two kinds of lessons. A scene asks for the places of its labels, many at once: the policy learns to read. A
demonstration is a whole episode of somebody who knows: the policy learns to act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.models.chat import ChatFormat
from arpo_engine.models.contexts import contexts_of, padded
from arpo_engine.models.pocket.gaze import looks_of, watched_forward
from arpo_engine.models.policy import Policy
from arpo_engine.models.positions import mrope_positions
from arpo_engine.types import Pixels, Step, Trajectory

QUERIES_PER_SCENE, TYPED_PER_SCENE = 8, 3
FORMAT_WEIGHT = 0.1
"""Loss weight of tokens that are always the same; the places themselves weigh 1."""
MOST_CELLS_A_SIDE = 64
CELL_SHARPNESS = 20.0
"""Logit of a visual token that points exactly where its word does."""
LABEL_WEIGHT = 0.5
"""Loss weight of naming the label that is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A screenshot and the click point of every label on it."""

    pixels: Pixels
    labels: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """An instruction and what was seen and replied, turn by turn."""

    instruction: str
    turns: tuple[tuple[Pixels, str], ...]
    succeeded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLoss:
    """Losses of one batch of scenes and how often the best guess was right."""

    point: Tensor
    """Saying the places of labels."""
    cell: Tensor
    """Knowing, before any language, which word stands in a cell."""
    place: Tensor
    """Knowing, before any language, in which column and row a cell is."""
    look: Tensor
    """Looking at the right token while answering."""
    point_right: float
    cell_right: float
    look_right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImitationLoss:
    """Losses of one batch of demonstrations and how often the heads that are watched looked right."""

    imitation: Tensor
    """Mean negative log-prob of the demonstrators' tokens."""
    look: Tensor
    look_right: float


class SceneTeacher:
    """Turns scenes into losses for one policy."""

    def __init__(self, policy: Policy, system: str) -> None:
        self.policy = policy
        self.system = system
        vocabulary = policy.tokenizer.get_vocab()
        self.words = {
            piece[1:]: token for piece, token in vocabulary.items() if piece.startswith("Ġ") and len(piece) > 1
        }
        self._candidates = torch.tensor(sorted(set(self.words.values())))
        self._typable = sorted(word for word in self.words if word.isalpha() or (word.isdigit() and len(word) == 2))
        # Thrown away after teaching: they only ask that a visual token knows its own place.
        width = policy.module.get_input_embeddings().weight.shape[1]
        self.probes = torch.nn.ModuleList(torch.nn.Linear(width, MOST_CELLS_A_SIDE) for _ in range(2))

    def loss(self, scenes: Sequence[Scene], rng: np.random.Generator) -> SceneLoss:
        """Ask each scene for some of its labels."""
        policy = self.policy
        features = torch.stack(policy.encode_frames([scene.pixels for scene in scenes]))
        cell, cell_right = self._cell_loss(features, scenes)
        rows = [self._questions(scene, rng) for scene in scenes]
        length = max(len(ids) for ids, _ in rows)
        ids = np.full((len(rows), length), policy.chat.end_id, dtype=np.int64)
        weights = np.zeros((len(rows), length), dtype=np.float32)
        positions = np.zeros((3, len(rows), length), dtype=np.int64)
        for row, (scene, (row_ids, row_weights)) in enumerate(zip(scenes, rows, strict=True)):
            height, width = scene.pixels.shape[:2]
            grid = policy.chat.patches.grid(width, height)
            ids[row, : len(row_ids)], weights[row, : len(row_ids)] = row_ids, row_weights
            positions[:, row, : len(row_ids)] = mrope_positions(row_ids, [grid], policy.chat.image_id)[0]
        asked = int((weights > 0).sum(1).max())
        # The heaviest places of each row are all that have a weight; shorter rows repeat some of their others.
        places = np.maximum(np.sort(np.argsort(-weights, 1, kind="stable")[:, :asked], 1), 1)
        ids_BL, places_BQ = torch.from_numpy(ids), torch.from_numpy(places)
        embedded = policy.embed(ids_BL, features.flatten(0, 1))
        size = _size(scenes[0])
        looks = [list(looks_of(policy.chat, np.array(row_ids), size)) for row_ids, _ in rows]
        hidden, look, look_right = watched_forward(policy, embedded, torch.from_numpy(positions), looks)
        asked_hidden = hidden.gather(1, (places_BQ - 1)[..., None].expand(-1, -1, hidden.shape[-1]))
        logits, wanted = policy.logits(asked_hidden), ids_BL.gather(1, places_BQ)
        weight = torch.from_numpy(weights).gather(1, places_BQ)
        each = F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none").view_as(weight)
        right = (logits.argmax(-1) == wanted)[weight == 1.0].float().mean()
        return SceneLoss(
            point=(each * weight).sum() / weight.sum(),
            cell=cell,
            place=self._place_loss(features, policy.chat.patches.grid(*size)),
            look=look,
            point_right=float(right),
            look_right=look_right,
            cell_right=cell_right,
        )

    def _place_loss(self, features: Tensor, grid: tuple[int, int]) -> Tensor:
        rows, columns = grid
        losses = []
        for probe, places in zip(
            self.probes,
            (torch.arange(columns).repeat(rows), torch.arange(rows).repeat_interleave(columns)),
            strict=True,
        ):
            wanted = places.expand(features.shape[0], -1).flatten()
            losses.append(F.cross_entropy(probe(features.flatten(0, 1)), wanted))
        return torch.stack(losses).mean()

    def _cell_loss(self, features: Tensor, scenes: Sequence[Scene]) -> tuple[Tensor, float]:
        """Each labelled cell's visual token must be nearest to its word's own embedding: what is seen and what is said
        then meet in one space, and finding a word on the screen is one look."""
        side = self.policy.chat.patches.patch * self.policy.chat.patches.merge
        columns = scenes[0].pixels.shape[1] // side
        found = [
            (row, y // side * columns + x // side, self.words[label])
            for row, scene in enumerate(scenes)
            for label, (x, y) in scene.labels.items()
            if label in self.words
        ]
        rows, cells, tokens = (torch.tensor(column) for column in zip(*found, strict=True))
        embeddings = self.policy.module.get_input_embeddings().weight[self._candidates]
        logits = CELL_SHARPNESS * F.normalize(features[rows, cells], dim=-1) @ F.normalize(embeddings, dim=-1).T
        wanted = torch.searchsorted(self._candidates, tokens)
        return F.cross_entropy(logits, wanted), float((logits.argmax(-1) == wanted).float().mean())

    def _asked(self, scene: Scene, rng: np.random.Generator) -> list[str]:
        """Labels to point at and, among them, a few words to type."""
        labels = list(scene.labels)
        typed = [str(word) for word in rng.choice(self._typable, TYPED_PER_SCENE, replace=False)]
        asked = [labels[place] for place in rng.permutation(len(labels))[: QUERIES_PER_SCENE - TYPED_PER_SCENE]]
        asked += [word for word in typed if word not in scene.labels]
        return [asked[place] for place in rng.permutation(len(asked))]

    def _questions(self, scene: Scene, rng: np.random.Generator) -> tuple[list[int], list[float]]:
        chat = self.policy.chat
        height, width = scene.pixels.shape[:2]
        asked = self._asked(scene, rng)
        wishes = [f"{'open' if label in scene.labels else 'write'} {label}" for label in asked]
        # Asking in words teaches, beside pointing, to say the words of the instruction one after another.
        ids = list(chat.opening_ids(self.system, "", (width, height), " and ".join(wishes)))
        weights = [0.0] * len(ids)
        for number, label in enumerate(asked):
            if number:
                between = chat.encode("\n<|im_start|>assistant\n")
                ids += between
                weights += [0.0] * len(between)
            for piece, weight in _answer(label, scene.labels.get(label)):
                tokens = chat.encode(piece)
                ids += tokens
                weights += [weight] * len(tokens)
        return ids, weights


def _size(scene: Scene) -> tuple[int, int]:
    return scene.pixels.shape[1], scene.pixels.shape[0]


def _answer(label: str, point: tuple[int, int] | None) -> list[tuple[str, float]]:
    """Pieces of a reply with their loss weights; a word without a point is to be typed."""
    if point is None:
        return [
            ("Thought:", FORMAT_WEIGHT),
            (" type", FORMAT_WEIGHT),
            (f" {label}", LABEL_WEIGHT),
            ("\nAction: type(content='", FORMAT_WEIGHT),
            (label, LABEL_WEIGHT),
            ("')", FORMAT_WEIGHT),
            ("<|im_end|>", FORMAT_WEIGHT),
        ]
    x, y = point
    return [
        ("Thought:", FORMAT_WEIGHT),
        (" click", FORMAT_WEIGHT),
        (f" {label}", LABEL_WEIGHT),
        ("\nAction: click(start_box='(", FORMAT_WEIGHT),
        (str(x), 1.0),
        (",", FORMAT_WEIGHT),
        (str(y), 1.0),
        (")')", FORMAT_WEIGHT),
        ("<|im_end|>", FORMAT_WEIGHT),
    ]


def as_trajectory(chat: ChatFormat, system: str, lesson: Demonstration) -> Trajectory:
    """A demonstration as if the policy had sampled it."""
    steps = []
    for number, (pixels, reply) in enumerate(lesson.turns):
        size = (pixels.shape[1], pixels.shape[0])
        task = lesson.instruction
        prompt = chat.turn_ids(size, task) if number else chat.opening_ids(system, "", size, task)
        ids = chat.reply_ids(reply)
        steps.append(
            Step(
                pixels=pixels,
                prompt_ids=prompt,
                reply_ids=ids,
                reply_logprobs=(0.0,) * len(ids),
                weight_version=0,
                text=reply,
                thought="",
                action=None,
            )
        )
    return Trajectory(
        episode_id="", task_id="", steps=tuple(steps), ended_by=EndedBy.FINISHED, score=float(lesson.succeeded)
    )


def imitation_loss(policy: Policy, system: str, lessons: Sequence[Demonstration]) -> ImitationLoss:
    """Saying what the demonstrators said, while looking where they must have looked."""
    screenshots: dict[bytes, Pixels] = {}
    trajectories = [as_trajectory(policy.chat, system, lesson) for lesson in lessons]
    batch = contexts_of(policy.chat, trajectories, screenshots)
    features = dict(zip(screenshots, policy.encode_frames(list(screenshots.values())), strict=True))
    seen = torch.cat([features[key] for item in batch for key in item.frames])
    pixels = lessons[0].turns[0][0]
    looks = [list(looks_of(policy.chat, item.ids, (pixels.shape[1], pixels.shape[0]))) for item in batch]
    laid = padded(policy.chat, batch)
    hidden, look, look_right = watched_forward(policy, policy.embed(laid.ids_BL, seen), laid.positions, looks)
    rows = torch.tensor([row for row, item in enumerate(batch) for _ in item.places])
    places = torch.tensor([place for item in batch for place in item.places])
    imitation = F.cross_entropy(policy.logits(hidden[rows, places]), laid.ids_BL[rows, places + 1])
    return ImitationLoss(imitation=imitation, look=look, look_right=look_right)
