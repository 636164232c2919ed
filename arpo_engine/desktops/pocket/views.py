"""The two item views of the pocket desktop: a list of named things, and a grid of values under badges."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arpo_engine.desktops.pocket import drawing
from arpo_engine.desktops.pocket.drawing import CELL
from arpo_engine.desktops.pocket.qt import (
    QAbstractItemView,
    QAbstractScrollArea,
    QColor,
    QContextMenuEvent,
    QFrame,
    QKeyEvent,
    QListWidget,
    QListWidgetItem,
    QModelIndex,
    QPainter,
    QPalette,
    QPersistentModelIndex,
    QPoint,
    QRectF,
    QSize,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    Qt,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)
from arpo_engine.desktops.pocket.widgets import MIDDLE, Focusable, Labels

HEADER_WIDTH = 2
"""Cells of a row's name in the grid."""


def _make_clear(view: QAbstractScrollArea) -> None:
    view.setFrameShape(QFrame.Shape.NoFrame)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    palette = view.palette()
    for role in (QPalette.ColorRole.Base, QPalette.ColorRole.Highlight):
        palette.setColor(role, QColor(0, 0, 0, 0))
    view.setPalette(palette)


class _ListRow(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        rect = option.rect  # type: ignore[attr-defined]  # the stubs lack the option's public fields
        view = self.parent()
        chosen = isinstance(view, QListWidget) and view.currentRow() == index.row()
        drawing.glass(painter, rect, drawing.CHOSEN if chosen else drawing.GLASS)
        drawing.tile(painter, rect.left(), rect.top(), str(index.data()))


class NameList(QListWidget, Focusable):
    """Names under each other, one of them chosen."""

    def __init__(self, parent: QWidget, *, opened: Callable[[], None], menu: Callable[[QPoint], None]) -> None:
        super().__init__(parent)
        _make_clear(self)
        self.setItemDelegate(_ListRow(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._menu = menu
        self.itemDoubleClicked.connect(lambda _item: opened())

    def show_names(self, names: Sequence[str]) -> None:
        """Show other names; none is chosen."""
        self.clear()
        for name in names:
            item = QListWidgetItem(name)
            item.setSizeHint(QSize(CELL * 2, CELL))
            self.addItem(item)
        self.setCurrentRow(-1)

    def chosen(self) -> str | None:
        """The chosen name."""
        item = self.currentItem() if self.currentRow() >= 0 else None
        return None if item is None else item.text()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """A right click on a name opens its menu."""
        if self.indexAt(event.pos()).isValid():
            self._menu(self.viewport().mapTo(self, event.pos()))

    def labels(self) -> Labels:
        """Every name."""
        return {self.item(row).text(): MIDDLE + QPoint(0, row * CELL) for row in range(self.count())}


class _GridCell(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        rect = option.rect  # type: ignore[attr-defined]  # the stubs lack the option's public fields
        view = self.parent()
        assert isinstance(view, ValueGrid)
        text = str(index.data() or "")
        row, column = index.row(), index.column()
        if row == 0 and column == 0:
            return
        if row == 0 or column == 0:
            chosen = row > 0 and view.currentRow() == row
            drawing.glass(painter, rect, drawing.CHOSEN if chosen else drawing.GLASS_SHADE)
            if column == 0:
                drawing.tile(painter, rect.left(), rect.top(), text, on_dark=not chosen)
            else:
                painter.drawImage(rect.topLeft(), drawing.badge(text))
            return
        chosen = (view.currentRow(), view.currentColumn()) == (row, column)
        drawing.glass(painter, rect, drawing.CHOSEN if chosen else drawing.GLASS)
        drawing.write(painter, QRectF(rect).adjusted(6, 0, -4, 0), text)


class ValueGrid(QTableWidget, Focusable):
    """Rows and columns named by badges; the chosen cell takes what is typed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        _make_clear(self)
        self.setItemDelegate(_GridCell(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.hide()
            header.setMinimumSectionSize(CELL)
        self._fresh = True
        self.currentCellChanged.connect(self._cell_changed)

    def show_values(self, columns: Sequence[str], table: dict[str, list[str]]) -> None:
        """Show another table; no cell is chosen."""
        self.setRowCount(len(table) + 1)
        self.setColumnCount(len(columns) + 1)
        for at, cells in enumerate([["", *columns], *([row, *values] for row, values in table.items())]):
            self.setRowHeight(at, CELL)
            for column, text in enumerate(cells):
                self.setItem(at, column, QTableWidgetItem(text))
        for column in range(self.columnCount()):
            self.setColumnWidth(column, CELL if column else CELL * HEADER_WIDTH)
        self.setCurrentCell(-1, -1)

    def table(self) -> dict[str, list[str]]:
        """The table as it is shown."""
        columns = range(1, self.columnCount())
        return {
            self._text(row, 0): [self._text(row, column) for column in columns] for row in range(1, self.rowCount())
        }

    def chosen_row(self) -> str | None:
        """The name of the row that the chosen cell is in."""
        return self._text(self.currentRow(), 0) if self.currentRow() > 0 else None

    def chosen_cell(self) -> tuple[str, str] | None:
        """Row and column of the chosen cell, if it is one of the values."""
        row, column = self.currentRow(), self.currentColumn()
        return (self._text(row, 0), self._text(0, column)) if row > 0 and column > 0 else None

    def remove_chosen_row(self) -> None:
        """Take the chosen row out of what is shown."""
        if self.currentRow() > 0:
            self.removeRow(self.currentRow())
            self.setCurrentCell(-1, -1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The first character replaces the chosen value, the next ones are added; arrows move."""
        item = self.item(self.currentRow(), self.currentColumn())
        text = event.text()
        if item is None or self.chosen_cell() is None:
            event.ignore()
        elif event.key() == Qt.Key.Key_Delete or (event.key() == Qt.Key.Key_Backspace and self._fresh):
            item.setText("")
            self._fresh = False
        elif event.key() == Qt.Key.Key_Backspace:
            item.setText(item.text()[:-1])
        elif text and text.isprintable() and event.modifiers() in (_PLAIN, Qt.KeyboardModifier.ShiftModifier):
            item.setText(text if self._fresh else item.text() + text)
            self._fresh = False
        else:
            super().keyPressEvent(event)

    def labels(self) -> Labels:
        """Rows by their name, cells by row and column."""
        places: Labels = {}
        for row in range(1, self.rowCount()):
            places[self._text(row, 0)] = MIDDLE + QPoint(0, row * CELL)
            for column in range(1, self.columnCount()):
                at = QPoint((column + HEADER_WIDTH - 1) * CELL, row * CELL)
                places[f"{self._text(row, 0)} {self._text(0, column)}"] = MIDDLE + at
        return places

    def _cell_changed(self) -> None:
        self._fresh = True

    def _text(self, row: int, column: int) -> str:
        item = self.item(row, column)
        return "" if item is None else item.text()


_PLAIN = Qt.KeyboardModifier.NoModifier
