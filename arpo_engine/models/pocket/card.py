"""The card of a pocket policy: what it can do, measured, and how it was made; as JSON and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

Counts = tuple[int, int]
"""Successes and attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """Success on one split, infeasible tasks apart."""

    feasible: Counts
    infeasible: Counts
    by_template: Mapping[str, Counts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that the card tells."""

    parameters: int
    vocabulary: int
    seed: int
    minutes: Mapping[str, float]
    """Stage to minutes of one core."""
    wall_minutes: float
    temperature: float
    splits: Mapping[str, SplitResult]

    def summary(self) -> str:
        """One line: success with n/N on each split."""
        return ", ".join(f"{name} {_share(result.feasible)}" for name, result in self.splits.items())


def write_card(folder: Path, card: Card) -> None:
    """Put `card.json` and `CARD.md` beside the weights."""
    size = sum(file.stat().st_size for file in folder.iterdir() if file.suffix == ".safetensors")
    (folder / "card.json").write_text(json.dumps({**asdict(card), "bytes": size}, indent=1) + "\n", encoding="utf-8")
    (folder / "CARD.md").write_text(_text(card, size), encoding="utf-8")


def _share(counts: Counts) -> str:
    successes, attempts = counts
    return f"{successes}/{attempts} ({successes / attempts:.0%})" if attempts else "0/0"


def _text(card: Card, size: int) -> str:
    stages = ", ".join(f"{name} {minutes:g}" for name, minutes in card.minutes.items())
    names = list(card.splits)
    templates = sorted({template for result in card.splits.values() for template in result.by_template})
    rows = [
        f"| {template} | "
        + " | ".join(_share(card.splits[name].by_template.get(template, (0, 0))) for name in names)
        + " |"
        for template in templates
    ]
    feasible = "| **all feasible tasks** | " + " | ".join(_share(card.splits[name].feasible) for name in names) + " |"
    infeasible = "| infeasible tasks | " + " | ".join(_share(card.splits[name].infeasible) for name in names) + " |"
    return f"""\
# The pocket policy

A `Qwen2_5_VLForConditionalGeneration` with {card.parameters:,} parameters ({size / 1e6:.1f} MB, bfloat16) and a
vocabulary of {card.vocabulary} tokens, made from scratch by `./arpo train-pocket` to use the pocket desktop. It is left
half-trained on purpose: its last teacher forgets steps such as *Save*, so that reinforcement learning has something to
find.

- Seed {card.seed}; minutes of one core: {stages}; {card.wall_minutes:.0f} minutes on the clock.
- Taught from scripted demonstrations on endless fresh tasks with the words of **both** splits. So it has seen the words
  of the held-out tasks before reinforcement learning begins, which itself never uses them. The lessons are drawn afresh
  with seeds of their own; no desktop of either split was among them; a short task (`Open app Setup`) reads alike.
- Not useful for anything but the pocket desktop: it reads icons of this desktop's words and nothing else.

Success at temperature {card.temperature:g}, n/N, by kind of task:

| kind of task | {" | ".join(names)} |
|---|{"---|" * len(names)}
{chr(10).join(rows)}
{feasible}
{infeasible}
"""
