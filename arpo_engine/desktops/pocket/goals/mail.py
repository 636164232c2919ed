"""Sub-goals on the Mail page. Once a mail has been sent, nothing about it can be mended, so all of them are over."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from arpo_engine.desktops.pocket.apps import MailPage
from arpo_engine.desktops.pocket.goals import base
from arpo_engine.desktops.pocket.goals.base import Goal, click, fill
from arpo_engine.desktops.pocket.screen import Screen

APP = "Mail"


def _page(screen: Screen) -> MailPage:
    return cast(MailPage, screen.pages[APP])


def _form(holds: Callable[[MailPage], bool]) -> Callable[[Screen], bool]:
    """Whether the form holds something, or the mail has been sent."""
    return lambda screen: bool(screen.stored.sent) or (screen.stored.app == APP and holds(_page(screen)))


def mail_to(person: str) -> Goal:
    """The form names a receiver."""
    return Goal(
        name="receiver",
        app=APP,
        met=_form(lambda page: page.receiver.text() == person),
        move=lambda screen: click(screen, person),
    )


def mail_about(text: str) -> Goal:
    """The form has a subject."""
    return Goal(
        name="about",
        app=APP,
        met=_form(lambda page: page.about.text() == text),
        move=lambda screen: fill(screen, _page(screen).about, text),
        moves=2,
    )


def mail_copy() -> Goal:
    """The copy is ticked."""
    return Goal(
        name="copy", app=APP, met=_form(lambda page: page.copy.isChecked()), move=lambda screen: click(screen, "Copy")
    )


def nothing_else(*, about: bool, copy: bool) -> Goal:
    """The form holds nothing that was not asked for; closing the page empties it."""

    def stray(screen: Screen) -> str | None:
        if screen.stored.sent or screen.stored.app != APP:
            return None
        page = _page(screen)
        if page.copy.isChecked() and not copy:
            return "Copy"
        return "Close" if page.about.text() and not about else None

    return base.undone(APP, stray)


def mail_sent() -> Goal:
    """A mail has been sent."""
    return Goal(
        name="send",
        app=APP,
        met=lambda screen: bool(screen.stored.sent),
        move=lambda screen: click(screen, "Send"),
    )
