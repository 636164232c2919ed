"""Secrets of runs: by name in a config, by value in the console's environment, and from there to the engine alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.secrets import named_by
from webapp.accounts.services import record
from webapp.runs.models import RunAttempt


def secret_names(config: Mapping[str, Any]) -> list[str]:
    """The variables whose values a run of this config will be given: named by it, listed for runs, and set here.

    A config that is none any more, of a run of an earlier release, names none: its engine says what is wrong with it.
    """
    try:
        named = named_by(RunConfig.model_validate(config))
    except ValidationError:
        return []
    return [name for name in named if name in settings.RUN_SECRETS and os.environ.get(name)]


def give_secrets(attempt: RunAttempt, *, ip: str | None = None) -> dict[str, str]:
    """The values for an attempt, written down by name."""
    run = attempt.run
    names = secret_names(run.config)
    if names:
        given = {"attempt": attempt.number, "names": names}
        record(action="secrets.given", subject=run, actor=run.owner, team=run.team, ip=ip, **given)
    return {name: os.environ[name] for name in names}
