"""Editing a schedule in the form of a new run; of two people who edit one at a time the second sees both."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.permissions import PermissionRefused, can_manage, can_run
from webapp.runs.config_tree import as_yaml
from webapp.runs.errors import RunRefused, ScheduleChanged
from webapp.runs.forms import RunForm
from webapp.runs.grid import as_line, from_data
from webapp.runs.origins import schedule_origin
from webapp.runs.planning_models import RunSchedule
from webapp.runs.schedule_page import schedule_visible_to
from webapp.runs.services.schedule_edits import edit_schedule
from webapp.runs.starting import Starting, read_starting, starting_of
from webapp.runs.team_presets import locked_for, ordered
from webapp.runs.views.kept_form import kept_words
from webapp.runs.views.new import form_page

NOT_YOURS = "Its owner and maintainers of the team edit a schedule; you can look at it."


@signed_in
def edit(request: PersonRequest, schedule_id: int) -> HttpResponse:
    """The form of one schedule; a POST saves it."""
    schedule = schedule_visible_to(request.user, schedule_id) if schedule_id < 2**63 else None
    if schedule is None:
        raise Http404("There is no such schedule, or it belongs to a team that you are not in.")
    if request.method == "POST":
        return _save(request, schedule)
    form = RunForm.from_saved(schedule.config, from_data(schedule.axes), schedule.tags)
    starting = starting_of(schedule.cron, schedule.zone, schedule.next_at, schedule.tries)
    return _page(request, schedule, form, starting, version=schedule.version)


def _save(request: PersonRequest, schedule: RunSchedule) -> HttpResponse:
    words, now = kept_words(request), timezone.now()
    version = int(words["version"]) if words.get("version", "").isdecimal() and len(words["version"]) < 10 else 0
    origin = schedule_origin(schedule)
    form = RunForm.from_post(words, locked_for(request.user, origin.team_preset, origin.begins_at))
    starting = read_starting(words, now)
    if starting.when == "now":
        starting.errors["when"] = "a schedule starts at a time or again and again; choose one of the two"
    form.errors |= starting.errors
    if not form.is_valid():
        return _page(request, schedule, form, starting, version=version, status=422)
    config = form.to_config()
    try:
        saved = edit_schedule(
            schedule=schedule,
            actor=request.user,
            version=version,
            tree=form.tree if form.axes else config.model_dump(mode="json"),
            configs=[cell.config for cell in form.to_cells()] if form.axes else [config],
            next_at=starting.next_at(now),
            axes=form.axes,
            cron=starting.cron if starting.when == "cron" else "",
            zone=starting.timezone,
            tags=form.tags,
            tries=starting.tries,
            ip=request.META.get("REMOTE_ADDR"),
        )
    except ScheduleChanged as refusal:
        # The next press saves over what they see now beside their own form.
        schedule = RunSchedule.objects.select_related("team", "owner", "edited_by").get(pk=schedule.pk)
        form.errors[""] = str(refusal)
        beside = as_it_is(schedule)
        return _page(request, schedule, form, starting, version=schedule.version, beside=beside, status=409)
    except (PermissionRefused, RunRefused) as refusal:
        form.errors[""] = str(refusal)
        status = 403 if isinstance(refusal, PermissionRefused) else 422
        return _page(request, schedule, form, starting, version=version, status=status)
    messages.success(request, f"{saved.name} is saved{'' if saved.enabled else '; it is still off'}.")
    return redirect("runs:schedules")


def as_it_is(schedule: RunSchedule) -> str:
    """What is saved now, to be read beside what somebody typed."""
    when = f"{schedule.cron} ({schedule.zone})" if schedule.cron else f"once, at {schedule.next_at}"
    swept = [f"# sweep {as_line(axis)}" for axis in from_data(schedule.axes)]
    return "\n".join([f"# when: {when}", f"# tries: {schedule.tries}", *swept, as_yaml(ordered(schedule.config))])


def _page(
    request: PersonRequest,
    schedule: RunSchedule,
    form: RunForm,
    starting: Starting,
    *,
    version: int,
    beside: str = "",
    status: int = 200,
) -> HttpResponse:
    own = schedule.owner_id == request.user.pk and can_run(request.user, schedule.team)
    may = own or can_manage(request.user, schedule.team)
    return form_page(
        request, schedule.team, schedule_origin(schedule), form, starting=starting, notice="" if may else NOT_YOURS,
        status=status, editing={"version": version, "beside": beside, "may": may},
    )  # fmt: skip
