"""A UI-TARS reply taken apart without asking what it means: what the rules of conformance look at.

Cut as the published parser cuts it (the last marker, empty lines), read with patterns of its own. Must not call the
agents: a rule that asked them would excuse whatever they say.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from arpo_engine.agents.grammar import unescape
from arpo_engine.agents.screens import Frame
from arpo_engine.contract.errors import ActionUnreadable

MARKER = "Action:"
MARKER_LINE = re.compile(r"(?:^|\n)[ \t]*Action:")
QUOTED = re.compile(r"'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\"", re.DOTALL)
NAME = re.compile(r"\s*([^\s(]*)\s*\(")
PLAIN_CALL = re.compile(
    r"\s*[A-Za-z_]+ *\(\s*(?:[A-Za-z_]+ *= *''\s*(?:, *[A-Za-z_]+ *= *''\s*)*,?)?\s*\)\s*(?:#[^\n]*)?"
)
EXACT_CONTENT = re.compile(r"(?:type|finished)\(content='(.*?)'\)")
"""As the published parser looks for it."""
CONTENT = re.compile(r"\bcontent\s*=\s*(['\"])(.*)\1\s*,?\s*\)", re.DOTALL)
BOX = re.compile(r"\b(start_box|end_box)\s*=\s*(['\"])([^'\"]*)\2")
KEY = re.compile(r"\b(?:key|hotkey)\s*=\s*(['\"])(.*?)\1", re.DOTALL)
DIRECTION = re.compile(r"\bdirection\s*=\s*(['\"])(.*?)\1", re.DOTALL)
POINTS = re.compile(r"\b(?:point|start_point|end_point)\s*=|_box\s*=\s*['\"]\s*[<\[]")

THIN, NARROWEST = "thin_screen", 28
POINTING = {"click", "left_single", "left_double", "right_single", "hover", "drag", "select", "scroll"}
KEYS = {"hotkey", "press", "keydown", "keyup"}
ENDS = {"finished", "wait", "call_user", "error_env"}
KNOWN = POINTING | KEYS | ENDS | {"type"}
ARROWS = {"arrowleft", "arrowright", "arrowup", "arrowdown"}
NO_KEYS = {"control", "page_up", "page_down", *ARROWS}
"""Names of keys that models write and pyautogui does not know; it then presses nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A reply taken apart as the published parser does, without asking what it means."""

    text: str
    frame: Frame

    @property
    def thought(self) -> str:
        """Everything before the last marker."""
        return self.text.strip().rpartition(MARKER)[0]

    @property
    def pieces(self) -> list[str]:
        """What follows the last marker, cut at empty lines; one action each."""
        return self.text.strip().rpartition(MARKER)[2].split("\n\n")

    def names(self) -> list[str]:
        """The name of each piece's call; empty where there is none."""
        return [match[1] if (match := NAME.match(piece)) is not None else "" for piece in self.pieces]

    def calls(self, *names: str) -> list[str]:
        """The pieces that call one of these."""
        return [piece for piece, name in zip(self.pieces, self.names(), strict=True) if name in names]

    def contents(self) -> list[str]:
        """Unescaped contents of `type`, as far as they can be unescaped."""
        found = (CONTENT.search(piece) for piece in self.calls("type"))
        return [text for match in found if match is not None and (text := unescaped(match[2])) is not None]


def unescaped(text: str) -> str | None:
    """The text with its escapes resolved; None where they cannot be."""
    try:
        return unescape(text)
    except ActionUnreadable:
        return None


def skeleton(piece: str) -> str:
    """The piece with its quoted texts emptied."""
    return QUOTED.sub("''", piece)


def reads_otherwise_twice(text: str) -> bool:
    """Whether a text whose escapes are resolved once more is another one; a trailing backslash eats the quote."""
    return "\\" in text and (unescaped(text) != text or text.endswith(("\\", "\\n")))


def off_frame(box: str, frame: Frame) -> bool:
    """Whether a written place lies outside of the frame."""
    try:
        numbers = [float(part) for part in box.replace("(", "").replace(")", "").split(",")]
    except ValueError:
        return False
    if len(numbers) not in (2, 4):
        return False
    x, y = (numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2
    return not (0 <= x <= frame.width and 0 <= y <= frame.height)


def lacks(piece: str, *boxes: str) -> bool:
    """Whether one of these boxes is missing or empty."""
    given = {match[1] for match in BOX.finditer(piece) if match[3].strip()}
    return not given.issuperset(boxes)


def is_inexact(piece: str) -> bool:
    """Whether the published pattern for a content misses it, or takes more arguments for a part of it."""
    if not re.search(r"(?:type|finished)\(content", piece):
        return False
    return EXACT_CONTENT.search(piece) is None or "," in skeleton(piece)


def key_words(written: Written) -> list[tuple[str, list[str]]]:
    """Each `hotkey`'s whole value and its words."""
    found = (KEY.search(piece) for piece in written.calls("hotkey"))
    return [(match[2], match[2].split()) for match in found if match is not None]


def direction(piece: str) -> str:
    """Where a scroll goes, in its own words."""
    match = DIRECTION.search(piece)
    return match[2].strip().lower() if match is not None else ""


def marker_again(written: Written) -> bool:
    """Whether another marker follows the line that begins the action."""
    first = MARKER_LINE.search(written.text)
    return first is not None and MARKER in written.text[first.end() :]


def no_keyboard(written: Written) -> bool:
    """Whether the reply holds a character that no keyboard types."""
    texts = (unescaped(piece) for piece in written.pieces)
    return any(
        unicodedata.category(mark) in ("Cc", "Cs") and mark not in "\n\t" for text in texts if text for mark in text
    )


def twice(piece: str) -> bool:
    """Whether an argument stands twice."""
    names = re.findall(r"([A-Za-z_]+) *= *''", skeleton(piece).partition("#")[0])
    return len(set(names)) < len(names)
