"""A person's mouse and keyboard: actions in pixels become Qt events for the widget that is hit. Knows no application.

Events go to the widget itself (`QApplication.sendEvent`), the focus and the clipboard are the desktop's own: nothing of
a desktop passes through the QApplication that it shares with others.
"""

from __future__ import annotations

from arpo_engine.contract.actions import Click, Drag, DragTo, Hotkey, Move, Scroll, SingleAction, TypeText
from arpo_engine.desktops.pocket.drawing import HEIGHT, WIDTH
from arpo_engine.desktops.pocket.qt import (
    QAbstractButton,
    QContextMenuEvent,
    QCoreApplication,
    QEvent,
    QGuiApplication,
    QKeyEvent,
    QLineEdit,
    QMouseEvent,
    QPlainTextEdit,
    QPoint,
    QPointF,
    Qt,
    QWheelEvent,
    QWidget,
)
from arpo_engine.desktops.pocket.screen import Overlay, Screen
from arpo_engine.desktops.pocket.vocabulary import HOME
from arpo_engine.desktops.pocket.widgets import Focusable

_BUTTONS = {
    "left": Qt.MouseButton.LeftButton,
    "middle": Qt.MouseButton.MiddleButton,
    "right": Qt.MouseButton.RightButton,
}
_NO_BUTTON = Qt.MouseButton.NoButton
_PLAIN = Qt.KeyboardModifier.NoModifier
_NOTCH = 120
_DRAG_MOVES = 4
_PARKED = QPoint(WIDTH // 2, HEIGHT // 2)
"""Where the pointer is before the first action that has a place."""

_MODIFIERS = {
    "ctrl": Qt.KeyboardModifier.ControlModifier,
    "control": Qt.KeyboardModifier.ControlModifier,
    "shift": Qt.KeyboardModifier.ShiftModifier,
    "alt": Qt.KeyboardModifier.AltModifier,
    "win": Qt.KeyboardModifier.MetaModifier,
    "cmd": Qt.KeyboardModifier.MetaModifier,
    "super": Qt.KeyboardModifier.MetaModifier,
}
_KEYS = {
    "enter": Qt.Key.Key_Return, "return": Qt.Key.Key_Return, "esc": Qt.Key.Key_Escape, "escape": Qt.Key.Key_Escape,
    "tab": Qt.Key.Key_Tab, "backspace": Qt.Key.Key_Backspace, "delete": Qt.Key.Key_Delete, "del": Qt.Key.Key_Delete,
    "space": Qt.Key.Key_Space, "up": Qt.Key.Key_Up, "down": Qt.Key.Key_Down, "left": Qt.Key.Key_Left,
    "right": Qt.Key.Key_Right, "home": Qt.Key.Key_Home, "end": Qt.Key.Key_End, "pageup": Qt.Key.Key_PageUp,
    "pagedown": Qt.Key.Key_PageDown, "insert": Qt.Key.Key_Insert,
    **{f"f{n}": Qt.Key(Qt.Key.Key_F1.value + n - 1) for n in range(1, 13)},
}  # fmt: skip


class Input:
    """The mouse and the keyboard of one screen."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._clipboard = ""
        self._pointer = _PARKED

    def reset(self) -> None:
        """Forget what was copied and where the pointer was."""
        self._clipboard = ""
        self._pointer = _PARKED

    def perform(self, action: SingleAction) -> None:
        """Carry an action out; waiting and ending do nothing to a desktop."""
        self._screen.tidy()
        if isinstance(action, Click):
            self._pointer = QPoint(action.x, action.y)
            self._click(self._pointer, _BUTTONS[action.button], action.count)
        elif isinstance(action, Move):
            self._pointer = QPoint(action.x, action.y)
            self._hover(self._pointer)
        elif isinstance(action, Drag | DragTo):
            start = QPoint(action.x, action.y) if isinstance(action, Drag) else self._pointer
            end = (action.to_x, action.to_y) if isinstance(action, Drag) else (action.x, action.y)
            self._pointer = QPoint(*end)
            self._drag(start, self._pointer)
        elif isinstance(action, Scroll):
            self._pointer = QPoint(action.x, action.y)
            self._scroll(action)
        elif isinstance(action, TypeText):
            for character in action.text:
                self._character(character)
        elif isinstance(action, Hotkey):
            self._hotkey([key.strip().lower() or key for key in action.keys])

    # -- mouse -------------------------------------------------------------------------------------------------------

    def _click(self, at: QPoint, button: Qt.MouseButton, count: int) -> None:
        target: QWidget | None = None
        for turn in range(count):
            # Looked up for every click: the first may have closed or opened what the second one hits.
            target = self._hit(at)
            if target is None:
                return
            self._mouse(QEvent.Type.MouseMove, target, at, _NO_BUTTON, _NO_BUTTON)
            kind = QEvent.Type.MouseButtonDblClick if turn == 1 else QEvent.Type.MouseButtonPress
            self._press(kind, target, at, button)
            self._mouse(QEvent.Type.MouseButtonRelease, target, at, button, _NO_BUTTON)
        if button is Qt.MouseButton.RightButton and target is not None:
            local = target.mapFrom(self._screen, at)
            QCoreApplication.sendEvent(target, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, local, at))

    def _hover(self, at: QPoint) -> None:
        target = self._hit(at)
        if target is not None:
            self._mouse(QEvent.Type.MouseMove, target, at, _NO_BUTTON, _NO_BUTTON)

    def _drag(self, start: QPoint, end: QPoint) -> None:
        target = self._hit(start)
        if target is None:
            return
        left = Qt.MouseButton.LeftButton
        self._press(QEvent.Type.MouseButtonPress, target, start, left)
        for part in range(1, _DRAG_MOVES + 1):
            at = start + (end - start) * (part / _DRAG_MOVES)
            self._mouse(QEvent.Type.MouseMove, target, at, _NO_BUTTON, left)
        self._mouse(QEvent.Type.MouseButtonRelease, target, end, left, _NO_BUTTON)

    def _scroll(self, action: Scroll) -> None:
        at = QPoint(action.x, action.y)
        target = self._hit(at)
        if target is None:
            return
        sign = 1 if action.direction in ("up", "left") else -1
        notch = QPoint(0, sign * _NOTCH) if action.direction in ("up", "down") else QPoint(sign * _NOTCH, 0)
        local = QPointF(target.mapFrom(self._screen, at))
        for _ in range(action.clicks):
            event = QWheelEvent(
                local, QPointF(at), QPoint(), notch, _NO_BUTTON, _PLAIN, Qt.ScrollPhase.NoScrollPhase, False
            )
            QCoreApplication.sendEvent(target, event)

    def _press(self, kind: QEvent.Type, target: QWidget, at: QPoint, button: Qt.MouseButton) -> None:
        if isinstance(target, Overlay):
            if not target.dim and not target.box.contains(at):
                target.dismiss()
            return
        self._take_focus(target)
        self._mouse(kind, target, at, button, button)

    def _mouse(
        self, kind: QEvent.Type, target: QWidget, at: QPoint, button: Qt.MouseButton, held: Qt.MouseButton
    ) -> None:
        local = QPointF(target.mapFrom(self._screen, at))
        QCoreApplication.sendEvent(target, QMouseEvent(kind, local, QPointF(at), button, held, _PLAIN))

    def _hit(self, at: QPoint) -> QWidget | None:
        if not (0 <= at.x() < WIDTH and 0 <= at.y() < HEIGHT):
            return None
        return self._screen.childAt(at)

    def _take_focus(self, target: QWidget) -> None:
        widget: QWidget | None = target
        while widget is not None:
            if isinstance(widget, Focusable) and not isinstance(widget, QAbstractButton):
                self._screen.set_focus(widget)
                return
            widget = widget.parentWidget()

    # -- keyboard ----------------------------------------------------------------------------------------------------

    def _character(self, character: str) -> None:
        if character == "\n":
            self._key(Qt.Key.Key_Return, "\r")
        elif character == "\t":
            self._key(Qt.Key.Key_Tab, "\t")
        else:
            self._send(Qt.Key.Key_unknown, _PLAIN, character)

    def _hotkey(self, keys: list[str]) -> None:
        modifiers = _PLAIN
        for name in keys:
            modifiers |= _MODIFIERS.get(name, _PLAIN)
        for name in keys:
            if name in _KEYS:
                self._key(_KEYS[name], "", modifiers)
            elif len(name) == 1 and name not in _MODIFIERS:
                text = "" if modifiers & Qt.KeyboardModifier.ControlModifier else name
                self._key(Qt.Key(ord(name.upper())) if name.isascii() else Qt.Key.Key_unknown, text, modifiers)

    def _key(self, key: Qt.Key, text: str, modifiers: Qt.KeyboardModifier = _PLAIN) -> None:
        if not self._shortcut(key, modifiers):
            self._send(key, modifiers, text)

    def _shortcut(self, key: Qt.Key, modifiers: Qt.KeyboardModifier) -> bool:
        """What the desktop itself answers to; a widget does not see these keys."""
        screen, overlay, focus = self._screen, self._screen.overlay, self._screen.focus_widget
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        alt = bool(modifiers & Qt.KeyboardModifier.AltModifier)
        if key is Qt.Key.Key_Tab:
            self._tab(-1 if modifiers & Qt.KeyboardModifier.ShiftModifier else 1)
        elif key is Qt.Key.Key_Escape and overlay is not None:
            overlay.dismiss()
        elif key is Qt.Key.Key_Return and isinstance(focus, QAbstractButton):
            focus.click()
        elif key is Qt.Key.Key_Return and overlay is not None and overlay.dim:
            self._press_default(overlay)
        elif control and key is Qt.Key.Key_S:
            if overlay is None:
                screen.page.save()
        elif (control and key is Qt.Key.Key_W) or (alt and key is Qt.Key.Key_F4):
            if overlay is None:
                screen.open(HOME)
        else:
            return False
        return True

    def _press_default(self, overlay: Overlay) -> None:
        for button in overlay.findChildren(QAbstractButton):
            if getattr(button, "word", "") in ("Yes", "OK"):
                button.click()
                return

    def _tab(self, step: int) -> None:
        ring = self._screen.focusable()
        if not ring:
            return
        focus = self._screen.focus_widget
        place = ring.index(focus) + step if focus in ring else (0 if step > 0 else -1)
        self._screen.set_focus(ring[place % len(ring)])

    def _send(self, key: Qt.Key, modifiers: Qt.KeyboardModifier, text: str) -> None:
        focus = self._screen.focus_widget
        if focus is None:
            return
        target = focus.keyboard_target()
        edits = isinstance(target, QLineEdit | QPlainTextEdit)
        lend = edits and bool(modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
        if lend:
            QGuiApplication.clipboard().setText(self._clipboard)
        for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QCoreApplication.sendEvent(target, QKeyEvent(kind, key, modifiers, text))
        if lend:
            self._clipboard = QGuiApplication.clipboard().text()
            QGuiApplication.clipboard().clear()
