"""A preflight as a Ray job, looked at once a second: no worker is held while the engine imports its packages."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from webapp.env import EnvError
from webapp.runs.preflight import Check, Report, advance, preflight_by_id
from workers import launcher

LOOK_EVERY_S: Final = 1
GIVE_UP_AFTER: Final = timedelta(minutes=3)


def advance_preflight(report_id: str, begun_at: float) -> bool:
    """Take a preflight one step further; True when it should be looked at again."""
    report = preflight_by_id(report_id)
    if report is None or report.state in ("done", "failed"):
        return False
    submission_id = f"arpo-preflight-{report.id}"
    try:
        if report.state == "waiting":
            folder = Path(settings.RUNS_DIR) / ".preflight" / report.id
            launcher.submit_preflight(submission_id, report.config, folder, server_gate=report.server_gate)
            advance(report, state="checking", message="Checking where the run would run")
            return True
        job = launcher.job_of(submission_id)
    except (launcher.ClusterAway, launcher.JobRefused, EnvError) as error:
        return _cannot(report, f"The checks cannot be made now: {error}")
    if job is None:
        return _cannot(report, "The Ray cluster lost the check; try again")
    if not job.has_ended:
        if timezone.now().timestamp() - begun_at > GIVE_UP_AFTER.total_seconds():
            launcher.stop(submission_id)
            slow = "The checks took longer than three minutes; the machine may be too busy"
            return _cannot(report, f"The check {launcher.NO_PLACE}" if job.waits else slow)
        return True
    _conclude(report, launcher.log_of(submission_id))
    return False


def checks_in(log: str) -> tuple[Check, ...]:
    """The checks that an engine's preflight printed, from the last line of the log that holds them."""
    for line in reversed(log.splitlines()):
        if '"checks"' not in line:
            continue
        try:
            found: dict[str, Any] = json.loads(line)
            return tuple(Check(**check) for check in found["checks"])
        except (ValueError, KeyError, TypeError):
            continue
    return ()


def failed_checks_in_words(checks: tuple[Check, ...]) -> str:
    """What stands in the way, each with its cure."""
    failed = [check for check in checks if check.status == "fail"]
    return "; ".join(f"{check.name}: {check.message}" + (f" ({check.cure})" if check.cure else "") for check in failed)


def _conclude(report: Report, log: str) -> None:
    checks = checks_in(log)
    if checks:
        advance(report, state="done", message="Checked", checks=checks)
        return
    last = [line for line in log.splitlines() if line.strip()][-3:]
    _cannot(report, "The checks ended without a result: " + " / ".join(last))


def _cannot(report: Report, message: str) -> bool:
    advance(report, state="failed", message=message)
    return False
