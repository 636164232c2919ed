"""Desktops as the console sees them: what each is at, since when and what went wrong; and what it may order.

Plain data of the wire. Knows no pool, no process and no page.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from arpo_engine.contract.base import Wire
from arpo_engine.contract.outcomes import Fault


class DesktopPhase(StrEnum):
    """What a desktop is busy with. From `resetting` to `scoring` it is leased to an episode, or prepared for one."""

    STARTING = "starting"
    ASLEEP = "asleep"
    """Not started: fewer are needed now, and it is started when episodes wait."""
    SPARE = "spare"
    """Ready, and nobody has it."""
    RESETTING = "resetting"
    THINKING = "thinking"
    """It waits for the model."""
    ACTING = "acting"
    SCORING = "scoring"
    DRAINED = "drained"
    """Ready, but its machine takes no new episodes."""
    QUARANTINED = "quarantined"
    """Taken out: by a fault, until its process is started again, or by a person, until it is released."""
    RESTARTING = "restarting"
    GONE = "gone"
    """Given up after too many failures in a row, or the run is over."""


class OrderAction(StrEnum):
    """What a person may order. `drain` and `undrain` are said of a machine, the others of a desktop."""

    DRAIN = "drain"
    UNDRAIN = "undrain"
    RESTART = "restart"
    QUARANTINE = "quarantine"
    RELEASE = "release"


class DesktopOrder(Wire):
    """Travels in the answer to each batch until its outcome is heard; the engine carries each id out once."""

    id: str = Field(min_length=1, max_length=40)
    action: OrderAction
    target: str = Field(min_length=1, max_length=200)
    """Name of the desktop, or of the machine."""


class OrderOutcome(Wire):
    """What came of an order. `done` is false where it was refused; the message says why, or what happens now."""

    id: str
    done: bool
    message: str = ""


class _Short(Wire):
    """Sent often and by the hundred, so what is at its default is left out."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        values: dict[str, Any] = handler(self)
        return {
            name: value
            for name, value in values.items()
            if fields[name].is_required() or getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }


class DesktopSeen(_Short):
    """One desktop at one moment."""

    name: str
    machine: str
    process: str = ""
    """The process that it shares with others; empty where it has one of its own."""
    phase: DesktopPhase
    since: datetime
    """When the phase began, in UTC."""
    task_id: str = ""
    """What it is at, or stands ready for."""
    episode_id: str = ""
    step: int | None = None
    """Replies of the episode so far."""
    deadline: datetime | None = None
    """The lease is taken back then, in UTC."""
    failures: dict[Fault, int] = Field(default_factory=dict)
    """Since the attempt began."""
    note: str = ""
    """Why it is quarantined, restarting or gone."""


class MachineSeen(_Short):
    """A machine that desktops of the run are on."""

    name: str
    draining: bool = False
    """It takes no new episodes; those under way finish."""
