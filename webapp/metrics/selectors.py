"""Reading a run's curves, for people who may see the run."""

from __future__ import annotations

from collections.abc import Iterable

from webapp.accounts.permissions import Person
from webapp.metrics.models import SYSTEM_PREFIX, Series
from webapp.metrics.series import Curve, StepRange, keys_of, series
from webapp.runs.access import runs_visible_to
from webapp.runs.models import Run

CHART_POINTS = 600
"""More samples than a chart has pixels would cost time and show nothing."""


def curves_visible_to(
    person: Person, run: Run, keys: Iterable[str], points: int = CHART_POINTS, steps: StepRange | None = None
) -> dict[str, Curve]:
    """The curves of these keys, or what of them lies in these steps; nothing of a run that the person may not see."""
    if not runs_visible_to(person).filter(pk=run.pk).exists():
        return {}
    return series(run.pk, keys, points, steps)


def keys_visible_to(person: Person, run: Run) -> list[str]:
    """All keys that the run logged."""
    if not runs_visible_to(person).filter(pk=run.pk).exists():
        return []
    return keys_of(run.pk)


def system_keys_visible_to(person: Person, run: Run) -> list[str]:
    """The keys of what the run's machines and desktops were busy with."""
    if not runs_visible_to(person).filter(pk=run.pk).exists():
        return []
    sampled = Series.objects.filter(run=run, key__startswith=SYSTEM_PREFIX)
    return list(sampled.order_by("key").values_list("key", flat=True))
