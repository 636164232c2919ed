"""How the web asks the workers for something: by task name, after the commit, with ids only. Knows no worker code."""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import Final

from celery import current_app
from celery.exceptions import TimeoutError as CeleryTimeoutError
from django.db import transaction
from kombu.exceptions import OperationalError

DISPATCH_RUNS: Final = "arpo.dispatch_runs"
FORCE_STOP: Final = "arpo.force_stop"
RUN_PREFLIGHT: Final = "arpo.run_preflight"
IMPORT_TASK_SET: Final = "arpo.import_task_set"
DRAW_FILM: Final = "arpo.draw_film"
ECHO: Final = "arpo.echo"

log = logging.getLogger(__name__)


def enqueue(task: str, *ids: str) -> None:
    """Send a task once the current transaction is committed.

    A broker that is away loses nothing: the row is the truth, and the reconciler finds what was not delivered.
    """
    transaction.on_commit(partial(_send, task, ids))


def worker_answers(timeout_s: float) -> bool:
    """Whether a worker takes a task and answers it in time: the only sign of health that means something."""
    word = secrets.token_hex(8)
    try:
        result = current_app.send_task(ECHO, args=[word], retry=False, expires=timeout_s, ignore_result=False)
        return bool(result.get(timeout=timeout_s) == word)
    except (OperationalError, CeleryTimeoutError):
        return False


def _send(task: str, ids: tuple[str, ...]) -> None:
    try:
        current_app.send_task(task, args=list(ids), retry=False)
    except OperationalError as error:
        log.warning("the broker is away; the reconciler will pick this up", extra={"task": task, "error": str(error)})
