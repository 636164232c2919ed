"""Mouse and keyboard of one X display, through XTEST; one action at a time. Types any character of Unicode.

A character that no key writes is laid on a spare key first. Applications look a key up when they read its event, which
may be later, so a spare key is given another character only when all others were used since. Knows no HTTP.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence

from Xlib import X
from Xlib import display as xdisplay
from Xlib.ext import xtest

from .keys import keysym_of_character, keysym_of_key

BUTTONS = {"left": 1, "middle": 2, "right": 3}
WHEEL = {"up": 4, "down": 5, "left": 6, "right": 7}
BETWEEN_KEYS_S = 0.004
BETWEEN_CLICKS_S = 0.05
DRAG_STEPS = 12
DRAG_S = 0.24
REMAPPED_S = 0.05
"""What applications get to hear of a new layout before its keys are pressed."""


class Hands:
    """One connection to the display, used under a lock."""

    def __init__(self, display: str) -> None:
        self._lock = threading.RLock()
        self._display = xdisplay.Display(display)
        self._root = self._display.screen().root
        self._size = (self._display.screen().width_in_pixels, self._display.screen().height_in_pixels)
        self._spare = self._spare_keys()
        self._laid: OrderedDict[int, int] = OrderedDict()
        """Keysym to the spare key that writes it; the one that was used longest ago comes first."""

    def position(self) -> tuple[int, int]:
        """Where the pointer is."""
        with self._lock:
            at = self._root.query_pointer()
            return at.root_x, at.root_y

    def move(self, x: int, y: int) -> tuple[int, int]:
        """Bring the pointer there, or to the nearest place on the screen, which is returned."""
        place = (min(max(x, 0), self._size[0] - 1), min(max(y, 0), self._size[1] - 1))
        with self._lock:
            xtest.fake_input(self._display, X.MotionNotify, x=place[0], y=place[1])
            self._display.sync()
        return place

    def click(self, button: str, count: int) -> None:
        """Press and release where the pointer is."""
        self._press_button(BUTTONS[button], count, BETWEEN_CLICKS_S)

    def scroll(self, direction: str, clicks: int) -> None:
        """Turn the wheel where the pointer is."""
        self._press_button(WHEEL[direction], clicks, BETWEEN_KEYS_S)

    def drag(self, to_x: int, to_y: int) -> None:
        """Press where the pointer is, go there at a pace that applications take for a drag, release."""
        with self._lock:
            from_x, from_y = self.position()
            self._fake(X.ButtonPress, BUTTONS["left"])
            time.sleep(DRAG_S / DRAG_STEPS)
            for step in range(1, DRAG_STEPS + 1):
                part = step / DRAG_STEPS
                self.move(round(from_x + (to_x - from_x) * part), round(from_y + (to_y - from_y) * part))
                time.sleep(DRAG_S / DRAG_STEPS)
            self._fake(X.ButtonRelease, BUTTONS["left"])

    def type(self, text: str) -> None:
        """Write text; a line break is the Enter key."""
        with self._lock:
            keysyms = [keysym_of_character(character) for character in text]
            while keysyms:
                run = self._lay_next(keysyms)
                for keysym in keysyms[:run]:
                    self._strike(keysym)
                keysyms = keysyms[run:]

    def hotkey(self, names: Sequence[str]) -> None:
        """Press keys in their order, release them in the opposite one.

        Raises:
            UnknownKey: one of them does not exist; none is pressed then.
        """
        keysyms = [keysym_of_key(name) for name in names]
        with self._lock:
            self._lay_next(keysyms)
            codes: list[int] = []
            for keysym in keysyms:
                codes += [code for code in self._codes(keysym) if code not in codes]
            try:
                for code in codes:
                    self._fake(X.KeyPress, code)
                    time.sleep(BETWEEN_KEYS_S)
            finally:
                for code in reversed(codes):
                    self._fake(X.KeyRelease, code)

    def has_window_manager(self) -> bool:
        """Whether somebody manages windows; it says so on the root window."""
        with self._lock:
            atom = self._display.intern_atom("_NET_SUPPORTING_WM_CHECK")
            return self._root.get_full_property(atom, X.AnyPropertyType) is not None

    def paint_background(self, colour: str) -> None:
        """Paint the root window."""
        with self._lock:
            pixel = self._display.screen().default_colormap.alloc_named_color(colour).pixel
            self._root.change_attributes(background_pixel=pixel)
            self._root.clear_area()
            self._display.sync()

    def trial(self) -> str:
        """Move the pointer and look where it is; empty when it went there and back, else what went wrong."""
        with self._lock:
            before = self.position()
            for place in ((before[0] ^ 1, before[1] ^ 1), before):
                went = self.move(*place)
                if self.position() != went:
                    return f"the pointer was sent to {went} and is at {self.position()}"
        return ""

    def _press_button(self, button: int, count: int, pause_s: float) -> None:
        with self._lock:
            for number in range(count):
                if number:
                    time.sleep(pause_s)
                self._fake(X.ButtonPress, button)
                self._fake(X.ButtonRelease, button)

    def _fake(self, kind: int, detail: int) -> None:
        xtest.fake_input(self._display, kind, detail)
        self._display.sync()

    def _strike(self, keysym: int) -> None:
        codes = self._codes(keysym)
        for code in codes:
            self._fake(X.KeyPress, code)
        for code in reversed(codes):
            self._fake(X.KeyRelease, code)
        time.sleep(BETWEEN_KEYS_S)

    def _codes(self, keysym: int) -> list[int]:
        """The keys to hold for a keysym, the writing one last."""
        if keysym in self._laid:
            self._laid.move_to_end(keysym)
            return [self._laid[keysym]]
        shift = self._display.keysym_to_keycode(keysym_of_key("shift"))
        code, level = min(self._display.keysym_to_keycodes(keysym), key=lambda place: place[1])
        return [shift, code] if level == 1 else [code]

    def _lay_next(self, keysyms: Sequence[int]) -> int:
        """Lay characters that no key writes on spare keys, as many as fit; returns how many keysyms can be struck."""
        wanted: dict[int, None] = {}
        run = len(keysyms)
        for place, keysym in enumerate(keysyms):
            if keysym in wanted or self._has_key(keysym):
                continue
            if len(wanted) == len(self._spare):
                run = place
                break
            wanted[keysym] = None
        new = [keysym for keysym in wanted if keysym not in self._laid]
        for keysym in wanted:
            if keysym in self._laid:
                self._laid.move_to_end(keysym)
        for keysym in new:
            code = self._free_key()
            self._display.change_keyboard_mapping(code, [[keysym] * 2])
            self._laid[keysym] = code
        if new:
            self._display.sync()
            time.sleep(REMAPPED_S)
        return run

    def _has_key(self, keysym: int) -> bool:
        return any(level in (0, 1) for _, level in self._display.keysym_to_keycodes(keysym))

    def _free_key(self) -> int:
        if len(self._laid) < len(self._spare):
            used = set(self._laid.values())
            return next(code for code in self._spare if code not in used)
        return self._laid.popitem(last=False)[1]

    def _spare_keys(self) -> list[int]:
        """Keycodes that write nothing in the display's layout."""
        low, high = self._display.display.info.min_keycode, self._display.display.info.max_keycode
        mapping = self._display.get_keyboard_mapping(low, high - low + 1)
        return [low + place for place, keysyms in enumerate(mapping) if not any(keysyms)]
