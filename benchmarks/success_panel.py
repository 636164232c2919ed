"""A panel of success from 0 to 100 % over something that grows, as parts of a small SVG. Knows no runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ABOVE, BELOW = 32, 36
"""Room for the title, and for the legend with what the x-axis ends at (pixels)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Where its axes lie, in pixels from the upper left of the picture."""

    left: float
    right: float
    height: float

    def place(self, share: float, success: float) -> str:
        """A point, `share` of the way along the x-axis, as SVG writes it."""
        x = self.left + (self.right - self.left) * share
        return f"{x:.1f},{self._y(min(1.0, max(0.0, success))):.1f}"

    def frame(self, title: str, x_end: str) -> list[str]:
        """Title, grid, and what the x-axis ends at."""
        parts = [f'<text x="{self.left}" y="20" font-weight="600">{title}</text>']
        for success in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = self._y(success)
            parts.append(f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="#d0d7de" stroke-width="0.7"/>')
            parts.append(f'<text x="{self.left - 6}" y="{y + 4:.1f}" text-anchor="end">{success:.0%}</text>')
        return [*parts, f'<text x="{self.right}" y="{self.height - 10}" text-anchor="end">{x_end}</text>']

    def legend(self, offset: float, text: str, colour: str) -> str:
        """A word of the legend, so many pixels from the left."""
        return f'<text x="{self.left + offset}" y="{self.height - 10}" fill="{colour}">{text}</text>'

    def _y(self, success: float) -> float:
        bottom = self.height - BELOW
        return bottom - (bottom - ABOVE) * success


def line(points: Iterable[str], colour: str, dash: str = "") -> str:
    """A curve through places."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'


def write_picture(path: Path, width: float, height: float, parts: Iterable[str]) -> None:
    """The whole SVG; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="#57606a">{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )
