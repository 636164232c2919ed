"""Writes of the storage app."""

from webapp.storage.services.applying import apply_rules
from webapp.storage.services.removing import remove_run
from webapp.storage.services.rules import DELETE_NOW, RetentionRefused, ask_to_delete, pin_run, set_rules, unpin_run

__all__ = [
    "DELETE_NOW",
    "RetentionRefused",
    "apply_rules",
    "ask_to_delete",
    "pin_run",
    "remove_run",
    "set_rules",
    "unpin_run",
]
