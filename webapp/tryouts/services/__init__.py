"""Writes of the tryouts app."""

from webapp.tryouts.services.directing import TryoutRefused, direct, take_over
from webapp.tryouts.services.keeping import is_due, keep, unkeep
from webapp.tryouts.services.recording import directions_for, record_events
from webapp.tryouts.services.starting import start_tryout

__all__ = [
    "TryoutRefused",
    "direct",
    "directions_for",
    "is_due",
    "keep",
    "record_events",
    "start_tryout",
    "take_over",
    "unkeep",
]
