"""The curves of a comparison as one small SVG: mean success of the rollouts over environment steps, and its spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.comparison_figures import Arm
from benchmarks.success_panel import Panel, line, write_picture

WIDTH, HEIGHT, MARGIN, BINS = 640, 300, 48, 24
COLOURS = {"arpo": "#2563eb", "grpo": "#d97706"}
DASHES = {"arpo": "", "grpo": "6 4"}
"""Told apart without colours, too."""


def write_curves(path: Path, arms: Mapping[str, Sequence[Arm]], env_steps: int, title: str) -> None:
    """One line an arm, with a band of one standard deviation over seeds around it."""
    panel = Panel(left=MARGIN, right=WIDTH - 12, height=HEIGHT)
    parts = panel.frame(title, f"{env_steps:,} environment steps")
    for number, (name, of) in enumerate(arms.items()):
        binned, colour = _binned(of, env_steps), COLOURS[name]
        over = [panel.place(share, mean + sd) for share, mean, sd in binned]
        under = [panel.place(share, mean - sd) for share, mean, sd in reversed(binned)]
        parts.append(f'<polygon points="{" ".join(over + under)}" fill="{colour}" opacity="0.15"/>')
        parts.append(line((panel.place(share, mean) for share, mean, _ in binned), colour, DASHES[name]))
        parts.append(panel.legend(8 + 130 * number, f"{name.upper()} ({len(of)} seeds)", colour))
    write_picture(path, WIDTH, HEIGHT, parts)


def _binned(of: Sequence[Arm], env_steps: int) -> list[tuple[float, float, float]]:
    """(share of the budget, mean, standard deviation) for each slice of the budget that every seed has steps in."""
    found = []
    for number in range(BINS):
        low, high = env_steps * number / BINS, env_steps * (number + 1) / BINS
        seeds = [[point.success for point in arm.practice.points if low < point.env_steps <= high] for arm in of]
        if all(seeds):
            means = [statistics.fmean(values) for values in seeds]
            found.append(((number + 0.5) / BINS, statistics.fmean(means), statistics.pstdev(means)))
    return found
