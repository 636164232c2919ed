"""Whether this person, on this page, wants faults counted as failures; and how many a run lost where that is asked.

The address says it first, so that a link shows everybody the same figures; else what the person chose last holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from django.db.models import IntegerField, OuterRef, Subquery, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.runs.models import Run, RunEvent, RunKind
from webapp.runs.rates import Faults, Rate

PARAMETER = "faults"
PREFERENCE = "faults"
HELD_OUT = "held_out"
"""The set of tasks that is never practised, as measurements name it."""


def counting_of(request: HttpRequest) -> Faults:
    """What holds for this request; of a fragment, what holds for the page that asked for it."""
    page = parse_qs(urlsplit(request.headers.get("HX-Current-URL", "")).query)
    person = request.user
    kept = person.preferences.get(PREFERENCE) if isinstance(person, User) else None
    for word in (request.GET.get(PARAMETER), *page.get(PARAMETER, [])[:1], kept):
        if word in list(Faults):
            return Faults(word)
    return Faults.LEFT_OUT


def rates_of(run: Run, counting: Faults) -> dict[str, Rate]:
    """The two rates of a run's head."""
    return rates_of_each([run], counting)[run.pk]


def rates_of_each(runs: Sequence[Run], counting: Faults) -> dict[str, dict[str, Rate]]:
    """The two rates of each run, by its id; how many were lost is only looked up where it counts, for all together."""
    asked = counting is Faults.FAILURES and bool(runs)
    steps = _lost_in_last_steps([run for run in runs if run.kind == RunKind.TRAIN]) if asked else {}
    measured = _lost_in_measurements(runs) if asked else {}
    return {run.pk: _rates(run, counting, steps.get(run.pk, 0), measured.get(run.pk, {})) for run in runs}


def _rates(run: Run, counting: Faults, step: int, measured: Mapping[str, int]) -> dict[str, Rate]:
    trains = run.kind == RunKind.TRAIN
    everything = sum(measured.values())
    return {
        "success": Rate(
            successes=run.successes, attempts=run.attempts_count, faults=step if trains else everything,
            counting=counting,
        ),
        "held_out": Rate(
            successes=run.held_out_successes, attempts=run.held_out_attempts,
            faults=measured.get(HELD_OUT, 0) if trains else everything, counting=counting,
        ),
    }  # fmt: skip


def _lost_in_last_steps(runs: Sequence[Run]) -> dict[str, int]:
    """Rollouts lost to faults in the last step of each."""
    collected = RunEvent.objects.filter(run=OuterRef("pk"), kind="GroupCollected")
    told = collected.annotate(
        step=Cast(KT("data__step"), IntegerField()), lost=Cast(KT("data__faults"), IntegerField())
    ).filter(step=OuterRef("step"))
    lost = told.order_by().values("run").annotate(total=Sum("lost")).values("total")
    found = Run.objects.filter(pk__in=[run.pk for run in runs]).annotate(lost=Subquery(lost))
    return {pk: lost or 0 for pk, lost in found.values_list("pk", "lost")}


def _lost_in_measurements(runs: Sequence[Run]) -> dict[str, dict[str, int]]:
    """Attempts that the newest measurement of each set of tasks lost, by run and set."""
    told = RunEvent.objects.filter(run__in=runs, kind="ValidationFinished").order_by("run", "-cursor")
    newest: dict[str, dict[str, int]] = defaultdict(dict)
    for pk, split, tasks, faults in told.values_list("run_id", "data__split", "data__tasks", "data__faults"):
        name = HELD_OUT if HELD_OUT in (split, tasks) else str(tasks or split or "")
        newest[pk].setdefault(name, int(faults or 0))
    return newest
