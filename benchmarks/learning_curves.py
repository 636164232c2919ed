"""The curves of a learning benchmark as one small SVG: success over minutes, a line for each seed, two panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.success_panel import Panel, line, write_picture

WIDTH, HEIGHT, MARGIN, GAP = 420, 260, 44, 24
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")
PANELS = (("train", "Tasks that it practises"), ("held_out", "Tasks that it never practises"))


def write_svg(path: Path, curves: dict[str, list[dict[str, Any]]]) -> None:
    """Draw `{seed: points}`; a point has minutes, kind and success."""
    longest = max((point["minutes"] for points in curves.values() for point in points), default=1.0) or 1.0
    parts: list[str] = []
    for number, (kind, title) in enumerate(PANELS):
        start = number * (WIDTH + GAP)
        panel = Panel(left=start + MARGIN, right=start + WIDTH - 8, height=HEIGHT)
        parts += panel.frame(title, f"{longest:.1f} min")
        for place, (seed, points) in enumerate(sorted(curves.items())):
            chosen = [point for point in points if point["kind"] == kind and point["success"] is not None]
            colour = COLOURS[place % len(COLOURS)]
            parts.append(line((panel.place(point["minutes"] / longest, point["success"]) for point in chosen), colour))
            parts.append(panel.legend(6 + 52 * place, f"seed {seed}", colour))
    write_picture(path, 2 * WIDTH + GAP, HEIGHT, parts)
