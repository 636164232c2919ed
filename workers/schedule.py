"""What happens by the clock. Static: nobody edits it at run time, so the database holds no copy of it."""

from __future__ import annotations

from typing import Final

from webapp.celery import app

RECONCILE: Final = "arpo.reconcile"
TIDY_UP: Final = "arpo.tidy_up"
WATCH: Final = "arpo.watch_runs"
SEND_ALERTS: Final = "arpo.send_alerts"
WATCH_EVERY_S: Final = 15.0
START_DUE: Final = "arpo.start_due"
RECONCILE_EVERY_S: Final = 5.0
TIDY_UP_EVERY_S: Final = 3600.0
START_DUE_EVERY_S: Final = 15.0


def install() -> None:
    """Give the Celery app its timetable. A tick that could not be taken in time is of no use later."""
    app.conf.beat_schedule = {
        "reconcile": {"task": RECONCILE, "schedule": RECONCILE_EVERY_S, "options": {"expires": RECONCILE_EVERY_S}},
        "watch": {"task": WATCH, "schedule": WATCH_EVERY_S, "options": {"expires": WATCH_EVERY_S}},
        "start-due": {"task": START_DUE, "schedule": START_DUE_EVERY_S, "options": {"expires": START_DUE_EVERY_S}},
        "tidy-up": {"task": TIDY_UP, "schedule": TIDY_UP_EVERY_S, "options": {"expires": TIDY_UP_EVERY_S}},
    }
