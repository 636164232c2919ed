"""Sub-goals of tasks: what has to be got done, one click or one text at a time, told from the widgets.

A goal knows whether it is met and what to do next for it, from any state, so that a plan can also go on after a slip.
"""

from arpo_engine.desktops.pocket.goals.base import Goal, Move, app_open, click

__all__ = ["Goal", "Move", "app_open", "click"]
