"""The one module that imports Qt: it says which system libraries are missing, and makes the process's QApplication."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from arpo_engine.contract.errors import PreflightFailed

SYSTEM_LIBRARIES = "apt-get install libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"

try:
    from PySide6.QtCore import (
        QCoreApplication,
        QEvent,
        QModelIndex,
        QPersistentModelIndex,
        QPoint,
        QPointF,
        QRect,
        QRectF,
        QSize,
        Qt,
    )
    from PySide6.QtGui import (
        QColor,
        QContextMenuEvent,
        QFont,
        QFontDatabase,
        QFontMetricsF,
        QGuiApplication,
        QImage,
        QKeyEvent,
        QMouseEvent,
        QPainter,
        QPaintEvent,
        QPalette,
        QPen,
        QPolygonF,
        QTextCursor,
        QWheelEvent,
    )
    from PySide6.QtWidgets import (
        QAbstractButton,
        QAbstractItemView,
        QAbstractScrollArea,
        QApplication,
        QCheckBox,
        QFrame,
        QLineEdit,
        QListWidget,
        QListWidgetItem,
        QPlainTextEdit,
        QSlider,
        QStyledItemDelegate,
        QStyleOptionViewItem,
        QTableWidget,
        QTableWidgetItem,
        QWidget,
    )
    from shiboken6 import delete as destroy
except ImportError as missing:
    raise PreflightFailed(
        f"Qt cannot be loaded: {missing}; install PySide6-Essentials, and its system libraries by: {SYSTEM_LIBRARIES}"
    ) from missing

FONT_PIXELS = 11

_kept: list[QApplication] = []  # a QApplication that is garbage-collected takes every widget with it


def application() -> QApplication:
    """The process's QApplication, made when first asked for.

    Raises:
        PreflightFailed: no font is installed, or this is not the main thread, and made elsewhere Qt crashes when the
            process ends.
    """
    if threading.current_thread() is not threading.main_thread():
        raise PreflightFailed(
            f"pocket desktops were asked for in the thread {threading.current_thread().name!r}; "
            "Qt needs the process's main thread: use that, or give the desktops a process of their own"
        )
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    made = QApplication(["arpo-pocket", "-platform", "offscreen"])
    require_fonts(QFontDatabase.families())
    made.setStyle("Fusion")
    made.setQuitOnLastWindowClosed(False)
    made.setCursorFlashTime(0)
    font = QFont("DejaVu Sans")
    font.setPixelSize(FONT_PIXELS)
    made.setFont(font)
    _kept.append(made)
    return made


def require_fonts(families: Sequence[str]) -> None:
    """Refuse to draw labels that nobody could read."""
    if not families:
        raise PreflightFailed("no font is installed, so labels would be blank; run: apt-get install fonts-dejavu-core")


__all__ = [
    "FONT_PIXELS",
    "SYSTEM_LIBRARIES",
    "QAbstractButton",
    "QAbstractItemView",
    "QAbstractScrollArea",
    "QApplication",
    "QCheckBox",
    "QColor",
    "QContextMenuEvent",
    "QCoreApplication",
    "QEvent",
    "QFont",
    "QFontMetricsF",
    "QFrame",
    "QGuiApplication",
    "QImage",
    "QKeyEvent",
    "QLineEdit",
    "QListWidget",
    "QListWidgetItem",
    "QModelIndex",
    "QMouseEvent",
    "QPaintEvent",
    "QPainter",
    "QPalette",
    "QPen",
    "QPersistentModelIndex",
    "QPlainTextEdit",
    "QPoint",
    "QPointF",
    "QPolygonF",
    "QRect",
    "QRectF",
    "QSize",
    "QSlider",
    "QStyleOptionViewItem",
    "QStyledItemDelegate",
    "QTableWidget",
    "QTableWidgetItem",
    "QTextCursor",
    "QWheelEvent",
    "QWidget",
    "Qt",
    "application",
    "destroy",
    "require_fonts",
]
