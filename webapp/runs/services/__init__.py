"""Everything that changes a run. Views, the API and the workers call these; nothing else writes to a run's rows."""

from webapp.runs.services.attempts import (
    attempt_of_token,
    end_attempt,
    extend_lease,
    give_up_attempt,
    mark_submitted,
    requeue_lost_run,
    secret_of_attempt,
    start_attempt,
)
from webapp.runs.services.control import force_stop, pause_run, request_stop, resume_run, set_priority, undo_stop
from webapp.runs.services.creation import clone_run, create_example_run, create_run, evaluate_checkpoint
from webapp.runs.services.housework import archive_run, rename_run, tag_run, unarchive_run
from webapp.runs.services.notes import note_run, star_run, unstar_run
from webapp.runs.services.settings_index import index_settings
from webapp.runs.services.status import TRANSITIONS, may_become, set_status

__all__ = [
    "TRANSITIONS",
    "archive_run",
    "attempt_of_token",
    "clone_run",
    "create_example_run",
    "create_run",
    "end_attempt",
    "evaluate_checkpoint",
    "extend_lease",
    "force_stop",
    "give_up_attempt",
    "index_settings",
    "mark_submitted",
    "may_become",
    "note_run",
    "pause_run",
    "rename_run",
    "request_stop",
    "requeue_lost_run",
    "resume_run",
    "secret_of_attempt",
    "set_priority",
    "set_status",
    "star_run",
    "start_attempt",
    "tag_run",
    "unarchive_run",
    "undo_stop",
    "unstar_run",
]
