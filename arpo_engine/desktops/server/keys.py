"""Names of keys to X keysyms: pyautogui's names, which OSWorld's tasks and agents use, and single characters."""

from __future__ import annotations

from Xlib import XK

XK.load_keysym_group("xf86")

NAMED = {
    "enter": "Return",
    "return": "Return",
    "\n": "Return",
    "\r": "Return",
    "tab": "Tab",
    "\t": "Tab",
    "space": "space",
    " ": "space",
    "backspace": "BackSpace",
    "delete": "Delete",
    "del": "Delete",
    "insert": "Insert",
    "escape": "Escape",
    "esc": "Escape",
    "home": "Home",
    "end": "End",
    "pageup": "Page_Up",
    "pgup": "Page_Up",
    "pagedown": "Page_Down",
    "pgdn": "Page_Down",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "ctrl": "Control_L",
    "ctrlleft": "Control_L",
    "control": "Control_L",
    "ctrlright": "Control_R",
    "shift": "Shift_L",
    "shiftleft": "Shift_L",
    "shiftright": "Shift_R",
    "alt": "Alt_L",
    "altleft": "Alt_L",
    "altright": "Alt_R",
    "option": "Alt_L",
    "win": "Super_L",
    "winleft": "Super_L",
    "winright": "Super_R",
    "super": "Super_L",
    "meta": "Super_L",
    "cmd": "Super_L",
    "command": "Super_L",
    "apps": "Menu",
    "menu": "Menu",
    "capslock": "Caps_Lock",
    "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock",
    "printscreen": "Print",
    "prtsc": "Print",
    "pause": "Pause",
    "volumeup": "XF86_AudioRaiseVolume",
    "volumedown": "XF86_AudioLowerVolume",
    "volumemute": "XF86_AudioMute",
    "playpause": "XF86_AudioPlay",
    "nexttrack": "XF86_AudioNext",
    "prevtrack": "XF86_AudioPrev",
    **{f"f{number}": f"F{number}" for number in range(1, 25)},
}
UNICODE = 0x01000000
"""Keysyms of all characters beyond Latin 1 are their number plus this."""


class UnknownKey(ValueError):
    """There is no key of that name on any keyboard here."""


def keysym_of_key(name: str) -> int:
    """The keysym of a key by its name.

    Raises:
        UnknownKey: the name is neither one of pyautogui's nor a single character.
    """
    known = NAMED.get(name.lower(), "") if len(name) != 1 or name in NAMED else ""
    if known:
        return int(XK.string_to_keysym(known))
    if len(name) == 1:
        return keysym_of_character(name)
    raise UnknownKey(f"there is no key {name[:40]!r}; keys are single characters, or {', '.join(sorted(NAMED))[:300]}")


def keysym_of_character(character: str) -> int:
    """The keysym that writes a character."""
    if character in NAMED:
        return int(XK.string_to_keysym(NAMED[character]))
    number = ord(character)
    return number if 0x20 <= number <= 0x7E or 0xA0 <= number <= 0xFF else UNICODE + number
