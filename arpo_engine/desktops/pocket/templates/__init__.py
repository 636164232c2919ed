"""The kinds of tasks: for each its instruction, how it is scored, and its sub-goals.

A template draws its words from what the desktop happens to show, never the other way round, so that nothing on the
screen tells which task was given. To add one: an entry in its page's `TEMPLATES`; the splits are then made anew.
"""

from arpo_engine.desktops.pocket.templates import across, files, mail, notes, setup, table
from arpo_engine.desktops.pocket.templates.base import Draft, Template, Unfit

_ALL = (
    across.OPEN_APP,
    *setup.TEMPLATES,
    *notes.TEMPLATES,
    *files.TEMPLATES,
    *mail.TEMPLATES,
    *table.TEMPLATES,
    *across.ACROSS,
    *across.MISSING,
)

TEMPLATES: dict[str, Template] = {template.name: template for template in _ALL}
"""Every kind of task by its name."""

__all__ = ["TEMPLATES", "Draft", "Template", "Unfit"]
