"""Celery's tasks: each hands over to a plain function at once. Names and ids only; the rows are the truth."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from webapp.alerts.services import routes_with_mail, send_due
from webapp.alerts.watching import watch
from webapp.films import services as films_services
from webapp.runs import queue
from webapp.runs.services import schedules
from webapp.storage.services import DELETE_NOW
from workers import films, housekeeping, imports, preflights, reconciler, schedule, scheduler

schedule.install()


@shared_task(name=queue.DISPATCH_RUNS)
def dispatch_runs() -> None:
    scheduler.dispatch_runs()


@shared_task(name=queue.FORCE_STOP)
def force_stop(run_id: str) -> None:
    reconciler.force_stop(run_id)


@shared_task(name=queue.RUN_PREFLIGHT)
def run_preflight(report_id: str, begun_at: float = 0.0) -> None:
    begun_at = begun_at or timezone.now().timestamp()
    if preflights.advance_preflight(report_id, begun_at):
        run_preflight.apply_async((report_id, begun_at), countdown=preflights.LOOK_EVERY_S)


@shared_task(name=queue.IMPORT_TASK_SET)
def import_task_set(number: str) -> None:
    if imports.advance_import(number):
        import_task_set.apply_async((number,), countdown=imports.LOOK_EVERY_S)


@shared_task(name=queue.DRAW_FILM)
def draw_film(film_id: str) -> None:
    films.draw(film_id)


@shared_task(name=schedule.RECONCILE)
def reconcile() -> None:
    reconciler.reconcile()
    imports.close_forgotten()
    films_services.close_forgotten()


@shared_task(name=schedule.WATCH)
def watch_runs() -> None:
    watch()
    for route_id in routes_with_mail():
        send_alerts.apply_async((route_id,), expires=schedule.WATCH_EVERY_S)


@shared_task(name=schedule.SEND_ALERTS)
def send_alerts(route_id: int) -> None:
    send_due(route_id)


@shared_task(name=schedule.START_DUE)
def start_due() -> None:
    schedules.start_due()


@shared_task(name=schedule.TIDY_UP)
def tidy_up() -> None:
    housekeeping.tidy_up()


@shared_task(name=DELETE_NOW)
def delete_by_rules(team_id: str, actor_id: str) -> None:
    housekeeping.delete_now(team_id, actor_id)


@shared_task(name=queue.ECHO, ignore_result=False)
def echo(word: str) -> str:
    return word
