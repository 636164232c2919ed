"""Where our reading of UI-TARS replies parts from the published parser, each as a predicate on the reply alone.

A rule is asked before our own answer is computed, and only allows a difference; docs/fidelity.md names the fault and its
place in the published code. Must not call the agents: a rule that asked them would excuse whatever they say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from arpo_engine.agents.grammar import MOST_CHARACTERS, unescape
from arpo_engine.agents.screens import Frame
from arpo_engine.contract.errors import ActionUnreadable

Manner = Literal["refuses", "nothing", "acts", "reads"]
"""What a side does with a reply: refuse it, accept it without any effect, accept it with one, accept it either way."""

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
        return [text for match in found if match is not None and (text := _unescaped(match[2])) is not None]


def _unescaped(text: str) -> str | None:
    try:
        return unescape(text)
    except ActionUnreadable:
        return None


def _skeleton(piece: str) -> str:
    """The piece with its quoted texts emptied."""
    return QUOTED.sub("''", piece)


def _reads_otherwise_twice(text: str) -> bool:
    """Whether a text whose escapes are resolved once more is another one; a trailing backslash eats the quote."""
    return "\\" in text and (_unescaped(text) != text or text.endswith(("\\", "\\n")))


def _off_frame(box: str, frame: Frame) -> bool:
    try:
        numbers = [float(part) for part in box.replace("(", "").replace(")", "").split(",")]
    except ValueError:
        return False
    if len(numbers) not in (2, 4):
        return False
    x, y = (numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2
    return not (0 <= x <= frame.width and 0 <= y <= frame.height)


def _lacks(piece: str, *boxes: str) -> bool:
    given = {match[1] for match in BOX.finditer(piece) if match[3].strip()}
    return not given.issuperset(boxes)


def _is_inexact(piece: str) -> bool:
    """Whether the published pattern for a content misses it, or takes more arguments for a part of it."""
    if not re.search(r"(?:type|finished)\(content", piece):
        return False
    return EXACT_CONTENT.search(piece) is None or "," in _skeleton(piece)


def _key_words(written: Written) -> list[tuple[str, list[str]]]:
    """Each `hotkey`'s whole value and its words."""
    found = (KEY.search(piece) for piece in written.calls("hotkey"))
    return [(match[2], match[2].split()) for match in found if match is not None]


def _direction(piece: str) -> str:
    match = DIRECTION.search(piece)
    return match[2].strip().lower() if match is not None else ""


def _marker_again(written: Written) -> bool:
    first = MARKER_LINE.search(written.text)
    return first is not None and MARKER in written.text[first.end() :]


def _no_keyboard(written: Written) -> bool:
    texts = (_unescaped(piece) for piece in written.pieces)
    return any(
        unicodedata.category(mark) in ("Cc", "Cs") and mark not in "\n\t" for text in texts if text for mark in text
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One fault of the published parser."""

    name: str
    holds: Callable[[Written], bool]
    theirs: tuple[Manner, ...] = ("refuses", "reads")
    """What the published parser may have recorded here."""
    ours: tuple[Manner, ...] = ("refuses", "reads")
    """What we may answer."""


RULES = (
    Rule(name="too_long", holds=lambda it: len(it.text) > MOST_CHARACTERS, ours=("refuses",)),
    Rule(name=THIN, holds=lambda it: min(it.frame.screen) < NARROWEST),
    Rule(name="marker_again", holds=_marker_again),
    Rule(
        name="thought_breaks_code",
        holds=lambda it: any(mark in it.thought for mark in ("'''", "\0")) or _unescaped(it.thought) is None,
        theirs=("nothing", "acts"),
        ours=("reads",),
    ),
    Rule(
        name="others_dropped",
        holds=lambda it: len(it.pieces) > 1 and bool(ENDS.intersection(it.names())),
        theirs=("acts",),
    ),
    Rule(name="no_keyboard", holds=_no_keyboard, ours=("refuses",)),
    Rule(
        name="line_break",
        holds=lambda it: any(re.match(r"[ \t]*(\n|$)|[^()]*\([^)]*\n", _skeleton(piece)) for piece in it.pieces),
        theirs=("refuses",),
    ),
    Rule(
        name="newline_in_content",
        holds=lambda it: (
            any("\n" in piece for piece in it.calls("type"))
            or any("\n" in text.lstrip().rstrip("\n") for text in it.contents())
        ),
        theirs=("refuses", "nothing", "acts"),
    ),
    Rule(
        name="text_after_content",
        holds=lambda it: any(
            (match := EXACT_CONTENT.search(piece)) is not None and match[0] != piece.strip() for piece in it.pieces
        ),
    ),
    Rule(name="inexact_content", holds=lambda it: any(_is_inexact(piece) for piece in it.pieces)),
    Rule(name="leading_blanks", holds=lambda it: any(text != text.lstrip() for text in it.contents()), ours=("reads",)),
    Rule(
        name="newlines_at_end", holds=lambda it: any(text.endswith("\n\n") for text in it.contents()), ours=("reads",)
    ),
    Rule(
        name="read_twice",
        holds=lambda it: any(_reads_otherwise_twice(text) for text in it.contents()),
        ours=("reads",),
    ),
    Rule(
        name="no_content",
        holds=lambda it: any(CONTENT.search(piece) is None for piece in it.calls("type")),
        ours=("refuses",),
    ),
    Rule(
        name="python_form",
        holds=lambda it: any(not PLAIN_CALL.fullmatch(_skeleton(piece)) or _twice(piece) for piece in it.pieces),
        ours=("refuses",),
    ),
    Rule(
        name="unknown_action",
        holds=lambda it: any(name not in KNOWN for name in it.names()),
        theirs=("nothing", "acts"),
        ours=("refuses",),
    ),
    Rule(name="press", holds=lambda it: "press" in it.names(), theirs=("refuses",)),
    Rule(
        name="half_a_press",
        holds=lambda it: bool({"keyup", "keydown"}.intersection(it.names())),
        theirs=("acts",),
    ),
    Rule(
        name="nothing_pressed",
        holds=lambda it: (
            any(not words for _, words in _key_words(it))
            or any(KEY.search(piece) is None for piece in it.calls("hotkey"))
        ),
        ours=("refuses",),
    ),
    Rule(
        name="joined_keys",
        holds=lambda it: any("+" in word and len(word) > 1 for _, words in _key_words(it) for word in words),
        theirs=("acts",),
    ),
    Rule(
        name="key_names",
        holds=lambda it: any(
            word.lower() in NO_KEYS or (len(word) == 1 and word != word.lower())
            for whole, words in _key_words(it)
            for word in words
            if whole not in ARROWS
        ),
        theirs=("acts",),
        ours=("reads",),
    ),
    Rule(name="other_syntax", holds=lambda it: any(POINTS.search(piece) for piece in it.calls(*POINTING))),
    Rule(
        name="sideways",
        holds=lambda it: any(_direction(piece) in ("left", "right") for piece in it.calls("scroll")),
        theirs=("nothing", "acts"),
    ),
    Rule(
        name="direction",
        holds=lambda it: any(_direction(piece) not in ("up", "down") for piece in it.calls("scroll")),
        ours=("refuses",),
    ),
    Rule(
        name="scroll_without_place",
        holds=lambda it: any(_lacks(piece, "start_box") for piece in it.calls("scroll")),
        theirs=("acts",),
        ours=("reads",),
    ),
    Rule(
        name="half_a_drag",
        holds=lambda it: any(_lacks(piece, "start_box", "end_box") for piece in it.calls("drag", "select")),
        ours=("refuses",),
    ),
    Rule(
        name="off_the_screen",
        holds=lambda it: any(
            _off_frame(match[3], it.frame) for piece in it.calls(*POINTING) for match in BOX.finditer(piece)
        ),
        theirs=("acts",),
        ours=("refuses",),
    ),
)


def _twice(piece: str) -> bool:
    names = re.findall(r"([A-Za-z_]+) *= *''", _skeleton(piece))
    return len(set(names)) < len(names)


def rules_of(written: Written) -> list[Rule]:
    """Every rule that the reply falls under; a reply may hold several faults."""
    return [rule for rule in RULES if rule.holds(written)]
