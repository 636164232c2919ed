"""The controls of the pocket desktop: real Qt widgets that paint themselves as glass tiles with badges.

Each control can tell where its words may be clicked (`labels`); that serves the oracles and never the policy.
"""

from __future__ import annotations

from collections.abc import Callable

from arpo_engine.desktops.pocket import drawing
from arpo_engine.desktops.pocket.drawing import CELL
from arpo_engine.desktops.pocket.qt import (
    QAbstractButton,
    QCheckBox,
    QColor,
    QLineEdit,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPlainTextEdit,
    QPoint,
    QRect,
    QRectF,
    QSlider,
    Qt,
    QTextCursor,
    QWidget,
)
from arpo_engine.desktops.pocket.vocabulary import BADGE_WORDS, LEVELS

Labels = dict[str, QPoint]
"""Word to where it may be clicked, in the coordinates of the widget that says so."""

MIDDLE = QPoint(CELL // 2, CELL // 2)
"""The centre of a widget's first cell, where its badge is."""

_CLEAR = QColor(0, 0, 0, 0)


class Focusable:
    """Can have the desktop's keyboard focus, which is not Qt's: many desktops share one QApplication."""

    focused: bool = False

    def keyboard_target(self) -> QWidget:
        """The widget that key events are sent to."""
        assert isinstance(self, QWidget)
        return self

    def set_focused(self, focused: bool) -> None:
        """Show or hide the focus."""
        self.focused = focused
        self.keyboard_target().update()


class Tile(QAbstractButton, Focusable):
    """A push button that shows one word."""

    def __init__(self, parent: QWidget, word: str, action: Callable[[], None] | None = None) -> None:
        super().__init__(parent)
        self.word = word
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if action is not None:
            self.clicked.connect(action)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Glass, badge, label."""
        painter = QPainter(self)
        drawing.glass(painter, self.rect(), drawing.FOCUS if self.focused else drawing.GLASS)
        drawing.tile(painter, 0, 0, self.word)
        painter.end()

    def labels(self) -> Labels:
        """The button's own word."""
        return {self.word: MIDDLE}


class Tick(QCheckBox, Focusable):
    """A check box over a whole tile; ticked, it is green and its switch is at the right."""

    def __init__(self, parent: QWidget, word: str) -> None:
        super().__init__(parent)
        self.word = word
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def hitButton(self, pos: QPoint) -> bool:
        """The whole tile is sensitive, as on a touch screen."""
        return self.rect().contains(pos)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Green when it is on, glass when it is off."""
        painter = QPainter(self)
        on = self.isChecked()
        drawing.glass(painter, self.rect(), drawing.TICKED if on else drawing.FOCUS if self.focused else drawing.GLASS)
        drawing.tile(painter, 0, 0, self.word, raised=True)
        drawing.switch(painter, QRectF(CELL + 2, CELL - 11, 18, 7), on)
        painter.end()

    def labels(self) -> Labels:
        """The option's word."""
        return {self.word: MIDDLE}


class LevelSlider(QSlider, Focusable):
    """A slider with five places; its first cell names it, each further cell is one place."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(1, len(LEVELS))
        self.setPageStep(1)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track, a numbered place in each cell, and the knob."""
        painter = QPainter(self)
        drawing.glass(painter, self.rect(), drawing.FOCUS if self.focused else drawing.GLASS)
        painter.drawImage(0, 0, drawing.badge("Level"))
        for place, word in enumerate(LEVELS, start=1):
            painter.drawImage(place * CELL, 0, drawing.badge(word))
        drawing.knob(painter, QRectF(self.value() * CELL, 0, CELL, CELL))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The knob jumps to the place that is pressed."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The knob follows a drag."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._follow(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The knob stays where it is."""
        event.accept()

    def _follow(self, event: QMouseEvent) -> None:
        place = int(event.position().x()) // CELL
        if place >= 1:
            self.setValue(place)

    def labels(self) -> Labels:
        """Every place by its number."""
        return {word: MIDDLE + QPoint(place * CELL, 0) for place, word in enumerate(LEVELS, start=1)}


class _Line(QLineEdit):
    """A frameless line of text on its box's glass."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrame(False)
        self.setFont(drawing.font())
        _make_clear(self)


class _Page(QPlainTextEdit):
    """Frameless text of several lines on its box's glass."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFont(drawing.font())
        _make_clear(self)


def _make_clear(widget: QWidget) -> None:
    widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    widget.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
    palette = widget.palette()
    palette.setColor(QPalette.ColorRole.Base, _CLEAR)
    palette.setColor(QPalette.ColorRole.Text, drawing.INK)
    widget.setPalette(palette)


class TextBox(QWidget, Focusable):
    """A named place to type: its badge in the first cell, the text beside it, and the badge of a text that has one."""

    def __init__(self, parent: QWidget, word: str, *, lines: int = 1) -> None:
        super().__init__(parent)
        self.word = word
        self.lines = lines
        self.line = _Line(self) if lines == 1 else None
        self.page = _Page(self) if lines > 1 else None

    def keyboard_target(self) -> QWidget:
        """The editor inside."""
        editor = self.line or self.page
        assert editor is not None
        return editor

    def text(self) -> str:
        """What has been typed."""
        if self.line is not None:
            return self.line.text()
        assert self.page is not None
        return self.page.toPlainText()

    def set_text(self, text: str, *, select: bool = False) -> None:
        """Replace the text; the cursor stands at its end, or all of it is selected."""
        if self.line is not None:
            self.line.setText(text)
            if select:
                self.line.selectAll()
        if self.page is not None:
            self.page.setPlainText(text)
            self.page.moveCursor(QTextCursor.MoveOperation.End)

    def selected_all(self) -> bool:
        """Whether the next character would replace everything."""
        if self.line is not None:
            return bool(self.line.text()) and self.line.selectedText() == self.line.text()
        assert self.page is not None
        cursor = self.page.textCursor()
        return bool(self.text()) and cursor.selectionEnd() - cursor.selectionStart() == len(self.text())

    def set_focused(self, focused: bool) -> None:
        """Show the focus as the box's colour."""
        self.focused = focused
        self.update()

    def place(self, rect: QRect) -> None:
        """Move to a block of cells."""
        self.setGeometry(rect)
        self.keyboard_target().setGeometry(CELL, 2, rect.width() - CELL - 3, rect.height() - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Glass, the name's badge, and the text's own badge at the right where it has one."""
        painter = QPainter(self)
        drawing.glass(painter, self.rect(), drawing.FOCUS if self.focused else drawing.GLASS)
        painter.drawImage(0, 0, drawing.badge(self.word))
        text = self.text()
        if text in _BADGED and self.width() >= 3 * CELL:
            painter.drawImage(self.width() - CELL, self.height() - CELL, drawing.badge(text))
        if not text:
            drawing.write(painter, QRectF(CELL, 0, 2 * CELL, CELL), self.word, QColor(60, 66, 96, 170))
        painter.end()

    def labels(self) -> Labels:
        """The box's name."""
        return {self.word: MIDDLE}


_BADGED = frozenset(BADGE_WORDS)


class Choice(Tile):
    """A combo box: its name, and the badge of its value; a click asks the page to open its list."""

    def __init__(self, parent: QWidget, word: str, action: Callable[[], None]) -> None:
        super().__init__(parent, word, action)
        self.value = ""

    def set_value(self, value: str) -> None:
        """Show another value."""
        self.value = value
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Name, value, and a mark that a list will open."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.drawImage(2 * CELL, 0, drawing.badge(self.value))
        painter.end()
