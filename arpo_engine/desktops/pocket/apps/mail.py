"""Mail: a form that is sent; the receiver is picked from the contacts or typed."""

from __future__ import annotations

from functools import partial

from arpo_engine.desktops.pocket.qt import (
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Page, Screen
from arpo_engine.desktops.pocket.state import PEOPLE_SHOWN
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import TextBox, Tick, Tile


class MailPage(Page):
    """Sends what the form holds, and empties it."""

    name = "Mail"
    layout_name = "mail"

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.contacts = [Tile(self, "", partial(self._pick, place)) for place in range(PEOPLE_SHOWN)]
        self.receiver = TextBox(self, "To")
        self.about = TextBox(self, "About")
        self.copy = Tick(self, "Copy")
        self._send = Tile(self, "Send", self.save)
        self._close = Tile(self, "Close", lambda: screen.open(HOME))

    def placed(self) -> dict[str, QWidget]:
        """Contacts a to d, the form, and the buttons."""
        form: dict[str, QWidget] = {"T": self.receiver, "U": self.about, "K": self.copy}
        buttons: dict[str, QWidget] = {"S": self._send, "X": self._close}
        return {**dict(zip("abcd", self.contacts, strict=True)), **form, **buttons}

    def load(self) -> None:
        """Show the contacts and an empty form."""
        for tile, person in zip(self.contacts, self.screen_.initial.people, strict=True):
            tile.word = person
        self._empty()

    def save(self) -> None:
        """Send the mail; one to nobody is not sent."""
        if not self.receiver.text():
            return
        mail = {"to": self.receiver.text(), "about": self.about.text(), "copy": self.copy.isChecked()}
        self.screen_.stored.sent.append(mail)
        self.screen_.note_save("Send", self.receiver.text())
        self._empty()

    def _pick(self, place: int) -> None:
        self.receiver.set_text(self.contacts[place].word)
        self.receiver.update()

    def _empty(self) -> None:
        self.receiver.set_text("")
        self.about.set_text("")
        self.copy.setChecked(False)
