"""Writes of the tryouts app."""

from webapp.tryouts.services.directing import TryoutRefused, direct, take_over
from webapp.tryouts.services.keeping import is_due, keep, runs_due, unkeep
from webapp.tryouts.services.recording import directions_for, record_events
from webapp.tryouts.services.starting import start_tryout

__all__ = [
    "TryoutRefused",
    "direct",
    "directions_for",
    "is_due",
    "keep",
    "record_events",
    "runs_due",
    "start_tryout",
    "take_over",
    "unkeep",
]
