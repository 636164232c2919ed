"""The desktop as one top-level widget: pages, title bar, overlays and the keyboard focus. Knows no task and no score.

Dialogs, menus and lists that pop up are child widgets over a shade, never windows of their own: so they are part of the
frame, they catch every click while they are open, and desktops in one process cannot get into each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np

from arpo_engine.desktops.pocket import drawing
from arpo_engine.desktops.pocket.drawing import CELL, COLUMNS, HEIGHT, ROWS, WIDTH, cell_rect
from arpo_engine.desktops.pocket.layouts import LAYOUTS, Block
from arpo_engine.desktops.pocket.qt import (
    QImage,
    QPainter,
    QPaintEvent,
    QPoint,
    Qt,
    QWidget,
    destroy,
)
from arpo_engine.desktops.pocket.state import InitialState, Saved
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import Focusable, Labels, TextBox, Tile
from arpo_engine.types import Pixels


class Page(QWidget):
    """One application, filling the screen below the title bar."""

    name = ""
    layout_name = ""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.screen_ = screen
        self.setGeometry(0, 0, WIDTH, HEIGHT)
        self.hide()

    def arrange(self, blocks: dict[str, Block]) -> None:
        """Move the widgets to an arrangement of the page."""
        for letter, widget in self.placed().items():
            move(widget, blocks[letter])

    def placed(self) -> dict[str, QWidget]:
        """Widgets by their letter in the page's layout."""
        raise NotImplementedError

    def load(self) -> None:
        """Show what is stored, forgetting what was not saved; called whenever the page opens."""

    def save(self) -> None:
        """What Ctrl+S does here; nothing on a page that has nothing to save."""


class Overlay(QWidget):
    """Covers the screen while something must be answered; a click beside it reaches only its shade."""

    def __init__(self, screen: Screen, *, dim: bool, dismiss: Callable[[], None]) -> None:
        super().__init__(screen)
        self.kind = ""
        self.subject = ""
        self.dim = dim
        self.dismiss = dismiss
        self.box = cell_rect(0, 0, 0, 0)
        self.setGeometry(0, 0, WIDTH, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The shade, and the box that holds the question."""
        painter = QPainter(self)
        if self.dim:
            painter.fillRect(self.rect(), drawing.DIM)
        if not self.box.isEmpty():
            painter.drawImage(self.box, drawing.wallpaper(), self.box)
            drawing.glass(painter, self.box, drawing.GLASS)
        painter.end()


class Screen(QWidget):
    """Everything that is seen, and where the keyboard goes."""

    def __init__(self, pages: Sequence[Callable[[Screen], Page]]) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFixedSize(WIDTH, HEIGHT)
        self.state: InitialState | None = None
        self.saved: Saved | None = None
        self.saves: dict[str, int] = {}
        self.status: tuple[str, ...] = ()
        self.overlay: Overlay | None = None
        self.focus_widget: Focusable | None = None
        self.pages: dict[str, Page] = {}
        for build in pages:
            page = build(self)
            self.pages[page.name] = page
        self._closed: list[Overlay] = []
        # Never shown: rendering and events need no window, and without one a desktop costs half the time and memory.

    @property
    def page(self) -> Page:
        """The page on the screen."""
        return self.pages[self.stored.app]

    @property
    def stored(self) -> Saved:
        """What the applications have saved."""
        assert self.saved is not None, "begin() comes first"
        return self.saved

    @property
    def initial(self) -> InitialState:
        """How the task began."""
        assert self.state is not None, "begin() comes first"
        return self.state

    def begin(self, state: InitialState) -> None:
        """Start afresh: stored values, arrangements, and the home page."""
        self.tidy()
        self.state, self.saved = state, Saved.begin(state)
        self.saves = {}
        for page in self.pages.values():
            page.hide()
            page.arrange(LAYOUTS[page.layout_name][state.layouts[page.layout_name]])
        self.open(HOME)

    def leftovers(self, fresh: Saved) -> str:
        """What an earlier episode left, once `begin` was called; `fresh` is what should be stored then."""
        open_still = [child for child in self.findChildren(Overlay) if not child.isHidden()]
        shown = [name for name, page in self.pages.items() if not page.isHidden() and name != HOME]
        stored, wanted = self.stored.flat(), fresh.flat()
        changed = [path for path in {*stored, *wanted} if stored.get(path) != wanted.get(path)]
        found = {"open dialogs": [child.kind or "a list" for child in open_still], "open pages": shown}
        found |= {"stored values": sorted(changed), "a focus": ["the keyboard's"] if self.focus_widget else []}
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in found.items() if names)

    def open(self, name: str) -> None:
        """Show a page as it is stored."""
        self.close_overlay()
        self.page.hide()
        self.stored.app = name
        self.status = ()
        self.page.load()
        self.page.show()

    def note_save(self, *words: str) -> None:
        """Say in the title bar that something was stored."""
        self.saves[self.stored.app] = self.saves.get(self.stored.app, 0) + 1
        self.status = words

    def set_focus(self, widget: Focusable | None) -> None:
        """Send the keyboard to a widget, or to none."""
        if self.focus_widget is not None:
            self.focus_widget.set_focused(False)
        self.focus_widget = widget
        if widget is not None:
            widget.set_focused(True)

    def confirm(self, subject: str, accept: Callable[[], None]) -> None:
        """Ask whether to do it, naming the subject."""
        blocks = self._dialog("confirm", subject, {"Y": ("Yes", accept), "N": ("No", None)})
        message = Tile(self._overlay(), subject)
        message.setEnabled(False)
        move(message, (*blocks["M"][:2], 2, 1))
        message.show()

    def ask_name(self, subject: str, accept: Callable[[str], None]) -> None:
        """Ask for another name of the subject, which stands there selected."""
        overlay_field: list[TextBox] = []
        blocks = self._dialog(
            "rename", subject, {"Y": ("OK", lambda: accept(overlay_field[0].text())), "N": ("Cancel", None)}
        )
        field = TextBox(self._overlay(), "Name")
        overlay_field.append(field)
        move(field, blocks["M"])
        field.set_text(subject, select=True)
        field.show()
        self.set_focus(field)

    def pop_up(self, kind: str, words: Sequence[str], at: tuple[int, int], pick: Callable[[str], None]) -> None:
        """Open a list of words with its first one at a cell, or as near as the screen allows."""
        self.close_overlay()
        overlay = self.overlay = Overlay(self, dim=False, dismiss=self.close_overlay)
        overlay.kind = kind
        column = min(max(at[0], 0), COLUMNS - 2)
        row = min(max(at[1], 0), ROWS - len(words))
        overlay.box = cell_rect(column, row, 2, len(words))
        for offset, word in enumerate(words):
            tile = Tile(overlay, word, self._closing(partial(pick, word)))
            move(tile, (column, row + offset, 2, 1))
        overlay.show()

    def close_overlay(self) -> None:
        """Take away what popped up, with no answer."""
        self.set_focus(None)
        if self.overlay is not None:
            self.overlay.hide()
            self._closed.append(self.overlay)
            self.overlay = None

    def tidy(self) -> None:
        """Destroy closed overlays. Not done as they close: the button that closed one is still at work in it."""
        for overlay in self._closed:
            destroy(overlay)
        self._closed.clear()

    def labels(self) -> Labels:
        """Every word that may be clicked now, in pixels of the screen; behind an overlay nothing may."""
        found: Labels = {}
        for widget in (self.overlay or self.page).findChildren(QWidget):
            labels = getattr(widget, "labels", None)
            if labels is not None and widget.isVisibleTo(self) and widget.isEnabled():
                found |= {word: widget.mapTo(self, at) for word, at in labels().items()}
        return found

    def focusable(self) -> list[Focusable]:
        """What the Tab key goes through, in reading order."""
        inside = (self.overlay or self.page).findChildren(QWidget)
        able: list[Focusable] = [
            widget for widget in inside if isinstance(widget, Focusable) and widget.isVisibleTo(self)
        ]
        return sorted(able, key=lambda widget: _reading_order(self, widget))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Wallpaper and title bar."""
        painter = QPainter(self)
        painter.drawImage(0, 0, drawing.wallpaper())
        if self.saved is not None:
            drawing.glass(painter, cell_rect(0, 0, COLUMNS, 1), drawing.GLASS_SHADE)
            drawing.tile(painter, 0, 0, self.stored.app, on_dark=True)
            for place, word in enumerate(self.status):
                drawing.tile(painter, (3 + 2 * place) * CELL, 0, word, on_dark=True)
        painter.end()

    def pixels(self) -> Pixels:
        """What a person would see now."""
        canvas = _canvas()
        self.render(canvas)
        rows = np.frombuffer(canvas.constBits(), np.uint8).reshape(HEIGHT, canvas.bytesPerLine())
        return rows[:, : WIDTH * 3].reshape(HEIGHT, WIDTH, 3).copy()

    def _dialog(
        self, kind: str, subject: str, buttons: dict[str, tuple[str, Callable[[], None] | None]]
    ) -> dict[str, Block]:
        self.close_overlay()
        overlay = self.overlay = Overlay(self, dim=True, dismiss=self.close_overlay)
        overlay.kind, overlay.subject = kind, subject
        blocks = LAYOUTS["dialog"][self.initial.layouts["dialog"]]
        left = min(column for column, _, _, _ in blocks.values())
        right = max(column + width for column, _, width, _ in blocks.values())
        rows = [row for _, row, _, _ in blocks.values()]
        overlay.box = cell_rect(left, min(rows), right - left, max(rows) - min(rows) + 1)
        for letter, (word, answer) in buttons.items():
            move(Tile(overlay, word, self._closing(answer)), blocks[letter])
        overlay.show()
        return blocks

    def _closing(self, answer: Callable[[], None] | None) -> Callable[[], None]:
        def press() -> None:
            if answer is not None:
                answer()
            self.close_overlay()

        return press

    def _overlay(self) -> Overlay:
        assert self.overlay is not None
        return self.overlay


@cache
def _canvas() -> QImage:
    """What every screen of the process is drawn onto, one after the other; its pixels are copied out at once."""
    return QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB888)


def move(widget: QWidget, block: Block) -> None:
    """Put a widget onto a block of cells."""
    if isinstance(widget, TextBox):
        widget.place(cell_rect(*block))
    else:
        widget.setGeometry(cell_rect(*block))


def _reading_order(screen: QWidget, widget: Focusable) -> tuple[int, int]:
    assert isinstance(widget, QWidget)
    at = widget.mapTo(screen, QPoint(0, 0))
    return at.y(), at.x()
