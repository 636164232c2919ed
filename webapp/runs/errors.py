"""What can be refused about a run. Each text is meant for the person who asked."""

from __future__ import annotations


class RunRefused(Exception):
    """A run cannot do what was asked of it in the state it is in."""


class TransitionRefused(RunRefused):
    """A run cannot go from its status to the one asked for."""


class QueueChanged(RunRefused):
    """The queue is not any more as the person saw it who wants to change its order."""


class PresetChanged(RunRefused):
    """A preset was edited since the person who edits it now opened it."""


class ScheduleChanged(RunRefused):
    """A schedule was edited since the person who edits it now opened it."""
