"""The curves of a comparison as one small SVG: mean success of the rollouts over environment steps, and its spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.comparison_figures import Arm

WIDTH, HEIGHT, MARGIN, BINS = 640, 300, 48, 24
COLOURS = {"arpo": "#2563eb", "grpo": "#d97706"}
DASHES = {"arpo": "", "grpo": "6 4"}
"""Told apart without colours, too."""


def write_curves(path: Path, arms: Mapping[str, Sequence[Arm]], env_steps: int, title: str) -> None:
    """One line an arm, with a band of one standard deviation over seeds around it."""
    left, right, top, bottom = MARGIN, WIDTH - 12, 34, HEIGHT - 36

    def place(share: float, success: float) -> str:
        return f"{left + (right - left) * share:.1f},{bottom - (bottom - top) * min(1.0, max(0.0, success)):.1f}"

    parts = [f'<text x="{left}" y="20" font-weight="600">{title}</text>']
    for success in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = bottom - (bottom - top) * success
        parts.append(f'<path d="M{left} {y:.1f}H{right}" stroke="#d0d7de" stroke-width="0.7"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{success:.0%}</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 10}" text-anchor="end">{env_steps:,} environment steps</text>')
    for number, (name, of) in enumerate(arms.items()):
        binned = _binned(of, env_steps)
        over = [place(share, mean + sd) for share, mean, sd in binned]
        under = [place(share, mean - sd) for share, mean, sd in reversed(binned)]
        line = " ".join(place(share, mean) for share, mean, _ in binned)
        colour, x = COLOURS[name], left + 8 + 130 * number
        parts.append(f'<polygon points="{" ".join(over + under)}" fill="{colour}" opacity="0.15"/>')
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2" '
            f'stroke-dasharray="{DASHES[name]}"/>'
        )
        parts.append(f'<text x="{x}" y="{HEIGHT - 10}" fill="{colour}">{name.upper()} ({len(of)} seeds)</text>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="#57606a">{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


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
