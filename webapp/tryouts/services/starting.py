"""A new try-out: a run like any other, ahead of long ones in the queue, whose starter has the control of it."""

from __future__ import annotations

from django.db import transaction

from arpo_engine.contract.config import RunConfig
from webapp.accounts.models import Team, User
from webapp.runs.errors import RunRefused
from webapp.runs.models import Checkpoint, Run
from webapp.runs.services.creation import MadeBy, create_run
from webapp.tryouts.models import Tryout

PRIORITY = 100
"""Somebody sits and waits for it, so it goes before what trains for a day."""


@transaction.atomic
def start_tryout(
    *, owner: User, team: Team, config: RunConfig, checkpoint: Checkpoint | None = None, ip: str | None = None
) -> Run:
    """Queue a try-out, and give its owner the control. It is tried once: what a person watched does not come again.

    Raises:
        PermissionRefused: the person is no runner of the team, or may not use that model or server.
        RunRefused: it is no config of a try-out.
    """
    if config.kind != "try":
        raise RunRefused(f"The settings are of a run of kind {config.kind}; a try-out has kind try.")
    run = create_run(
        owner=owner,
        team=team,
        config=config,
        name=config.title,
        parent=checkpoint.run if checkpoint else None,
        made_by=MadeBy(checkpoint=checkpoint),
        priority=PRIORITY,
        tries=1,
        ip=ip,
    )
    Tryout.objects.create(run=run, controller=owner, instruction=config.tryout.instruction)
    return run
