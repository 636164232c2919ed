"""What a team can be alerted of: each kind's words, whether it lasts, and the number at which it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One thing that may go wrong (or right)."""

    name: str
    title: str
    story: str
    """When it is raised, for the person who sets it."""
    grave: bool = True
    """Shown as trouble; otherwise as news."""
    threshold: float | None = None
    """The number at which it is raised, unless the team sets another; None: there is no number to set."""
    unit: str = ""


KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            name="lost",
            title="Lost heartbeat",
            story="The engine of a run was not heard from. The console notices, so a killed process is told of.",
        ),
        Kind(
            name="collapse",
            title="Collapse",
            story="The guard noticed that success, format or entropy collapsed, and went back to a checkpoint.",
        ),
        Kind(
            name="not_finite",
            title="NaN or Inf",
            story="The loss or the gradient is not a finite number: the update was not taken.",
        ),
        Kind(
            name="zero_gradient",
            title="Nothing to learn from",
            story="Over the last three steps more than this share of groups were rewarded alike and taught nothing.",
            threshold=90,
            unit="% of groups",
        ),
        Kind(
            name="desktops",
            title="Desktops fail",
            story="More than this share of the last 15 minutes' episodes were lost to desktops (three at least).",
            threshold=20,
            unit="% of episodes",
        ),
        Kind(
            name="disk",
            title="Disk nearly full",
            story="A machine of a run, or the console's own, has less room left than this.",
            threshold=5,
            unit="GB free",
        ),
        Kind(name="failed", title="Failed", story="A run ended with an error."),
        Kind(name="finished", title="Finished", story="A run ended as it should.", grave=False),
    )
}
