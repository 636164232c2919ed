"""Keys and typed text as every desktop knows them: names of keys, and characters that a keyboard can give.

Shared by all agents. Must not know a grammar.
"""

from __future__ import annotations

from collections.abc import Iterable

from arpo_engine.contract.actions import untypeable
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


def key_names(words: Iterable[str]) -> tuple[str, ...]:
    """Keys by their common names; `ctrl+s` counts as two keys, a lone `+` as itself."""
    parts = [part for word in words for part in ([word] if word == "+" else word.split("+"))]
    return tuple(typed(KEY_NAMES.get(part.lower(), part.lower()), "a key's name") for part in parts if part)


def typed(text: str, what: str) -> str:
    """`text` itself, if a keyboard can give it and a file can hold it.

    Raises:
        ActionUnreadable: it holds a control character or half a surrogate pair.
    """
    found = untypeable(text)
    if found is not None:
        raise ActionUnreadable(f"{what} holds the character U+{ord(found):04X}, which no keyboard types; leave it out")
    return text
