"""What a valid form starts: a run, a sweep, or a schedule of either; and the page to go to afterwards."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone

from webapp.accounts.models import Team, User
from webapp.runs.errors import RunRefused
from webapp.runs.forms import RunForm
from webapp.runs.origins import Origin
from webapp.runs.services import create_run
from webapp.runs.services.schedules import create_schedule
from webapp.runs.services.sweeps import create_sweep
from webapp.runs.starting import Starting


def start(person: User, team: Team, origin: Origin, form: RunForm, starting: Starting, *, ip: str | None) -> str:
    """Start what the form says; the address of the page that shows it.

    Raises:
        PermissionRefused: the person may not.
        RunRefused: it cannot be started like this.
    """
    config = form.to_config()
    if starting.when != "now":
        _schedule(person, team, origin, form, starting, ip=ip)
        return reverse("runs:schedules")
    if form.axes:
        sweep = create_sweep(
            owner=person,
            team=team,
            name=config.title,
            axes=form.axes,
            cells=form.to_cells(),
            preset=origin.preset,
            parent=origin.parent,
            tags=form.tags,
            made_by=origin.made_by,
            tries=starting.tries,
            ip=ip,
        )
        return reverse("runs:sweep", args=[sweep.pk])
    run = create_run(
        owner=person,
        team=team,
        config=config,
        name=config.title,
        preset=origin.preset,
        parent=origin.parent,
        tags=form.tags,
        made_by=origin.made_by,
        tries=starting.tries,
        ip=ip,
    )
    return reverse("runs:detail", args=[run.pk])


def _schedule(person: User, team: Team, origin: Origin, form: RunForm, starting: Starting, *, ip: str | None) -> None:
    next_at = starting.next_at(timezone.now())
    if next_at is None:
        raise RunRefused("That time never comes; choose another one.")
    config = form.to_config()
    create_schedule(
        owner=person,
        team=team,
        name=config.title,
        tree=form.tree if form.axes else config.model_dump(mode="json"),
        next_at=next_at,
        axes=form.axes,
        cron=starting.cron if starting.when == "cron" else "",
        zone=starting.timezone,
        preset=origin.preset,
        parent=origin.parent,
        tags=form.tags,
        made_by=origin.made_by,
        tries=starting.tries,
        ip=ip,
    )
