"""The one place that starts Qt: says which system libraries are missing, and makes the process's QApplication."""

from __future__ import annotations

import os

from arpo_engine.contract.errors import DesktopLost

SYSTEM_LIBRARIES = "apt-get install libgl1 libegl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"

try:
    from PySide6.QtCore import QThread
    from PySide6.QtGui import QFont
    from PySide6.QtWidgets import QApplication
except ImportError as missing:
    raise DesktopLost(
        f"Qt cannot be loaded: {missing}; install PySide6-Essentials, and its system libraries by: {SYSTEM_LIBRARIES}"
    ) from missing

FONT_PIXELS = 11

_kept: list[QApplication] = []  # a QApplication that is garbage-collected takes every widget with it


def application() -> QApplication:
    """The process's QApplication, made when first asked for, in the thread that asks.

    Raises:
        DesktopLost: another thread made it; Qt's widgets belong to that one.
    """
    running = QApplication.instance()
    if isinstance(running, QApplication):
        if running.thread() is not QThread.currentThread():
            raise DesktopLost("pocket desktops live in the thread that made the first of them; use that thread")
        return running
    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    made = QApplication(["arpo-pocket", "-platform", "offscreen"])
    made.setStyle("Fusion")
    made.setQuitOnLastWindowClosed(False)
    made.setCursorFlashTime(0)
    font = QFont("DejaVu Sans")
    font.setPixelSize(FONT_PIXELS)
    made.setFont(font)
    _kept.append(made)
    return made
