"""The curves of a learning benchmark as one small SVG: success over minutes, a line for each seed, two panels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WIDTH, HEIGHT, MARGIN, GAP = 420, 260, 44, 24
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")
PANELS = (("train", "Tasks that it practises"), ("held_out", "Tasks that it never practises"))


def write_svg(path: Path, curves: dict[str, list[dict[str, Any]]]) -> None:
    """Draw `{seed: points}`; a point has minutes, kind and success."""
    longest = max((point["minutes"] for points in curves.values() for point in points), default=1.0) or 1.0
    panels = [_panel(number, kind, title, curves, longest) for number, (kind, title) in enumerate(PANELS)]
    whole = 2 * WIDTH + GAP
    text = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {HEIGHT}" width="{whole}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="#57606a">{"".join(panels)}</svg>\n'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _panel(number: int, kind: str, title: str, curves: dict[str, list[dict[str, Any]]], longest: float) -> str:
    left, right, top, bottom = number * (WIDTH + GAP) + MARGIN, number * (WIDTH + GAP) + WIDTH - 8, 30, HEIGHT - 34

    def x(minutes: float) -> float:
        return left + (right - left) * minutes / longest

    def y(success: float) -> float:
        return bottom - (bottom - top) * success

    parts = [f'<text x="{left}" y="18" font-weight="600">{title}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<path d="M{left} {y(share):.1f}H{right}" stroke="#d0d7de" stroke-width="0.7"/>')
        parts.append(f'<text x="{left - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 10}" text-anchor="end">{longest:.1f} min</text>')
    for place, (seed, points) in enumerate(sorted(curves.items())):
        chosen = [point for point in points if point["kind"] == kind and point["success"] is not None]
        line = " ".join(f"{x(point['minutes']):.1f},{y(point['success']):.1f}" for point in chosen)
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{left + 6 + 52 * place}" y="{HEIGHT - 10}" fill="{colour}">seed {seed}</text>')
    return "".join(parts)
