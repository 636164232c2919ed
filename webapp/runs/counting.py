"""Whether this person, on this page, wants faults counted as failures; and how many a run lost where that is asked.

The address says it first, so that a link shows everybody the same figures; else what the person chose last holds.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest

from webapp.accounts.models import User
from webapp.runs.models import Run, RunEvent, RunKind
from webapp.runs.rates import Faults, Rate

PARAMETER = "faults"
PREFERENCE = "faults"
MOST_GROUPS_OF_A_STEP = 512
MOST_MEASUREMENTS = 20
"""Newest measurements among which the last one of each set of tasks is looked for."""


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
    """The two rates of a run's head; how many were lost is only looked up where it counts."""
    asked = counting is Faults.FAILURES
    latest = lost_lately(run) if asked else 0
    held_out = _lost_in_measurements(run, "held_out") if asked and run.kind == RunKind.TRAIN else latest
    return {
        "success": Rate(successes=run.successes, attempts=run.attempts_count, faults=latest, counting=counting),
        "held_out": Rate(
            successes=run.held_out_successes, attempts=run.held_out_attempts, faults=held_out, counting=counting
        ),
    }


def lost_lately(run: Run) -> int:
    """Rollouts lost to faults in the run's last step; of an evaluation, attempts lost in what it measured so far."""
    if run.kind == RunKind.EVALUATE:
        return _lost_in_measurements(run)
    groups = RunEvent.objects.filter(run=run, kind="GroupCollected").order_by("-cursor")
    told = groups.values_list("data__step", "data__faults")[:MOST_GROUPS_OF_A_STEP]
    return sum(int(faults or 0) for step, faults in told if step == run.step)


def _lost_in_measurements(run: Run, only: str = "") -> int:
    """Attempts that the newest measurement of each set of tasks lost."""
    told = RunEvent.objects.filter(run=run, kind="ValidationFinished").order_by("-cursor")
    newest: dict[str, int] = {}
    for split, tasks, faults in told.values_list("data__split", "data__tasks", "data__faults")[:MOST_MEASUREMENTS]:
        name = str(tasks or split or "")
        if not only or only in (name, split):
            newest.setdefault(name, int(faults or 0))
    return sum(newest.values())
