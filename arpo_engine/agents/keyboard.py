"""Keys and typed text as every desktop knows them: names of keys, and characters that a keyboard can give.

Shared by all agents. Must not know a grammar.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from arpo_engine.contract.errors import ActionUnreadable

KEY_NAMES = {
    "control": "ctrl",
    "return": "enter",
    "esc": "escape",
    "del": "delete",
    "page_up": "pageup",
    "page_down": "pagedown",
    "arrowup": "up",
    "arrowdown": "down",
    "arrowleft": "left",
    "arrowright": "right",
}
TYPEABLE_CONTROLS = "\n\t"
NEVER_TYPED = ("Cc", "Cs")
"""Unicode categories: control characters, and halves of surrogate pairs, which no UTF-8 text may hold."""


def key_names(words: Iterable[str]) -> tuple[str, ...]:
    """Keys by their common names; `ctrl+s` counts as two keys, a lone `+` as itself."""
    parts = [part for word in words for part in ([word] if word == "+" else word.split("+"))]
    return tuple(typed(KEY_NAMES.get(part.lower(), part.lower()), "a key's name") for part in parts if part)


def typed(text: str, what: str) -> str:
    """`text` itself, if a keyboard can give it and a file can hold it.

    Raises:
        ActionUnreadable: it holds a control character or half a surrogate pair.
    """
    for character in text:
        if unicodedata.category(character) in NEVER_TYPED and character not in TYPEABLE_CONTROLS:
            raise ActionUnreadable(
                f"{what} holds the character U+{ord(character):04X}, which no keyboard types; leave it out"
            )
    return text
