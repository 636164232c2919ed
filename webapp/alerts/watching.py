"""Looks at what runs say and do not say, and raises what a team should know. By the clock, so silence is seen too."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from webapp.accounts.models import Team
from webapp.alerts.kinds import KINDS
from webapp.alerts.models import Alert, Rule
from webapp.alerts.services import end_alert, raise_alert, raise_news
from webapp.episodes.models import Episode, Group
from webapp.runs.models import ACTIVE_STATUSES, Run, RunEvent, RunKind, RunStatus

LOOK_BACK: Final = timedelta(days=1)
"""Ends and collapses that are older than this are no news."""
LAST_STEPS: Final = 3
LAST_EPISODES: Final = timedelta(minutes=15)
FEWEST_FAULTS: Final = 3
WATCHED: Final = (*ACTIVE_STATUSES, RunStatus.LOST, RunStatus.QUEUED)
GIGABYTE: Final = 1000**3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one team wants to be told of."""

    rules: dict[str, Rule]

    def watches(self, kind: str) -> bool:
        """Whether the kind is watched at all."""
        return kind not in self.rules or self.rules[kind].enabled

    def number(self, kind: str) -> float:
        """The number at which it is raised."""
        own = self.rules[kind].threshold if kind in self.rules else None
        usual = KINDS[kind].threshold
        assert own is not None or usual is not None, f"{kind} has no number"
        return own if own is not None else usual or 0.0


def watch() -> None:
    """One look at every run that is alive, was lost, or ended lately; and at the console's own disk."""
    since = timezone.now() - LOOK_BACK
    runs = Run.objects.filter(Q(status__in=WATCHED) | Q(status_at__gt=since), is_example=False).defer("config")
    wishes: dict[int, Wishes] = {}
    for run in runs.select_related("team"):
        if run.team_id not in wishes:
            wishes[run.team_id] = wishes_of(run.team)
            _look_at_own_disk(run.team, wishes[run.team_id])
        try:
            _look_at(run, wishes[run.team_id], since)
        except Exception:
            # One run that cannot be judged must not keep the others from being watched.
            log.exception("a run could not be watched", extra={"run": run.pk})


def wishes_of(team: Team) -> Wishes:
    """The team's rules by kind."""
    return Wishes({rule.kind: rule for rule in Rule.objects.filter(team=team)})


def _look_at(run: Run, wishes: Wishes, since: datetime) -> None:
    for kind, judge in LASTING.items():
        text = judge(run, wishes) if wishes.watches(kind) else ""
        if text:
            raise_alert(team=run.team, run=run, kind=kind, text=text)
        elif Alert.objects.filter(run=run, kind=kind, ended_at=None).exists():
            end_alert(team=run.team, run=run, kind=kind)
    for kind, status in ENDS.items():
        expected = kind == "finished" and run.kind == RunKind.TRY  # by whoever directed it
        if wishes.watches(kind) and run.status == status and run.status_at > since and not expected:
            marker = run.status_at.isoformat()
            text = run.status_reason or KINDS[kind].title
            raise_news(team=run.team, run=run, kind=kind, text=text, marker=marker)
    for event in RunEvent.objects.filter(run=run, kind="CollapseNoticed", at__gt=since):
        kind = "not_finite" if event.data.get("signal") == "not_finite" else "collapse"
        if wishes.watches(kind):
            text = str(event.data.get("message") or KINDS[kind].title)
            raise_news(team=run.team, run=run, kind=kind, text=text, marker=f"event {event.cursor}")


def _lost(run: Run, wishes: Wishes) -> str:
    if run.status != RunStatus.LOST:
        return ""
    return run.status_reason or "its engine has not been heard from"


def _zero_gradient(run: Run, wishes: Wishes) -> str:
    if run.status != RunStatus.RUNNING or run.step < LAST_STEPS:
        return ""
    groups = Group.objects.filter(run=run, step__gt=run.step - LAST_STEPS, step__lte=run.step)
    counts = groups.aggregate(all=Count("pk"), idle=Count("pk", filter=Q(zero_gradient=True)))
    if not counts["all"] or 100 * counts["idle"] / counts["all"] <= wishes.number("zero_gradient"):
        return ""
    return (
        f"{counts['idle']} of {counts['all']} groups of steps {run.step - LAST_STEPS + 1} to {run.step} were rewarded "
        "alike and taught nothing; choose tasks that are solved sometimes (tasks.selection), or larger groups"
    )


def _desktops(run: Run, wishes: Wishes) -> str:
    if not run.is_active:
        return ""
    ended = Episode.objects.filter(run=run, ended_at__gt=timezone.now() - LAST_EPISODES)
    counts = ended.aggregate(all=Count("pk"), lost=Count("pk", filter=~Q(fault="")))
    if counts["lost"] < FEWEST_FAULTS or 100 * counts["lost"] / counts["all"] <= wishes.number("desktops"):
        return ""
    worst = ended.exclude(fault="").values("fault").annotate(times=Count("pk")).order_by("-times").first()
    why = f", mostly {worst['fault'].replace('_', ' ')}" if worst else ""
    return f"{counts['lost']} of {counts['all']} episodes of the last 15 minutes were lost{why}; look at the fleet"


def _disk(run: Run, wishes: Wishes) -> str:
    if not run.is_active:
        return ""
    event = RunEvent.objects.filter(run=run, kind="HostSampled").order_by("-cursor").first()
    free_mb = event.data.get("disk_free_mb") if event else None
    if not event or not isinstance(free_mb, int | float) or free_mb >= 1000 * wishes.number("disk"):
        return ""
    return f"{event.data.get('host', 'its machine')} has {free_mb / 1000:.1f} GB of disk left; checkpoints will not fit"


def _look_at_own_disk(team: Team, wishes: Wishes) -> None:
    free = shutil.disk_usage(_existing(Path(settings.MEDIA_ROOT))).free / GIGABYTE
    if wishes.watches("disk") and free < wishes.number("disk"):
        text = f"the console's own disk has {free:.1f} GB left; screenshots are refused when it is full"
        raise_alert(team=team, run=None, kind="disk", text=text)
    else:
        end_alert(team=team, run=None, kind="disk")


def _existing(path: Path) -> Path:
    return path if path.exists() or path == path.parent else _existing(path.parent)


LASTING: Final[dict[str, Callable[[Run, Wishes], str]]] = {
    "lost": _lost,
    "zero_gradient": _zero_gradient,
    "desktops": _desktops,
    "disk": _disk,
}
"""What lasts: each says in words what is wrong now, or nothing."""
ENDS: Final = {"failed": RunStatus.FAILED, "finished": RunStatus.FINISHED}
