"""Where our reading of UI-TARS replies parts from the published parser, each as a predicate on the reply alone.

A rule is asked before our own answer is computed, and only allows a difference; docs/fidelity.md names the fault and
its place in the published code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from arpo_engine.agents.grammar import MOST_CHARACTERS
from arpo_engine.conformance.written import (
    ARROWS,
    BOX,
    CONTENT,
    ENDS,
    EXACT_CONTENT,
    KEY,
    KNOWN,
    NARROWEST,
    NO_KEYS,
    PLAIN_CALL,
    POINTING,
    POINTS,
    THIN,
    Written,
    direction,
    is_inexact,
    key_words,
    lacks,
    marker_again,
    no_keyboard,
    off_frame,
    reads_otherwise_twice,
    skeleton,
    twice,
    unescaped,
)

Manner = Literal["refuses", "nothing", "acts", "reads"]
"""What a side does with a reply: refuse it, accept it without any effect, accept it with one, accept it either way."""


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
    Rule(name="marker_again", holds=marker_again),
    Rule(
        name="thought_breaks_code",
        holds=lambda it: any(mark in it.thought for mark in ("'''", "\0")) or unescaped(it.thought) is None,
        theirs=("nothing", "acts"),
        ours=("reads",),
    ),
    Rule(
        name="others_dropped",
        holds=lambda it: len(it.pieces) > 1 and bool(ENDS.intersection(it.names())),
        theirs=("acts",),
    ),
    Rule(name="no_keyboard", holds=no_keyboard, ours=("refuses",)),
    Rule(
        name="line_break",
        holds=lambda it: any(re.match(r"[ \t]*(\n|$)|[^()]*\([^)]*\n", skeleton(piece)) for piece in it.pieces),
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
            (match := EXACT_CONTENT.search(piece)) is not None and match[0] != piece.lstrip() for piece in it.pieces
        ),
    ),
    Rule(name="inexact_content", holds=lambda it: any(is_inexact(piece) for piece in it.pieces)),
    Rule(name="leading_blanks", holds=lambda it: any(text != text.lstrip() for text in it.contents()), ours=("reads",)),
    Rule(
        name="newlines_at_end", holds=lambda it: any(text.endswith("\n\n") for text in it.contents()), ours=("reads",)
    ),
    Rule(
        name="read_twice",
        holds=lambda it: any(reads_otherwise_twice(text) for text in it.contents()),
        ours=("reads",),
    ),
    Rule(
        name="no_content",
        holds=lambda it: any(CONTENT.search(piece) is None for piece in it.calls("type")),
        ours=("refuses",),
    ),
    Rule(
        name="python_form",
        holds=lambda it: any(not PLAIN_CALL.fullmatch(skeleton(piece)) or twice(piece) for piece in it.pieces),
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
            any(not words for _, words in key_words(it))
            or any(KEY.search(piece) is None for piece in it.calls("hotkey"))
        ),
        ours=("refuses",),
    ),
    Rule(
        name="joined_keys",
        holds=lambda it: any("+" in word and len(word) > 1 for _, words in key_words(it) for word in words),
        theirs=("acts",),
    ),
    Rule(
        name="key_names",
        holds=lambda it: any(
            word.lower() in NO_KEYS or (len(word) == 1 and word != word.lower())
            for whole, words in key_words(it)
            for word in words
            if whole not in ARROWS
        ),
        theirs=("acts",),
        ours=("reads",),
    ),
    Rule(name="other_syntax", holds=lambda it: any(POINTS.search(piece) for piece in it.calls(*POINTING))),
    Rule(
        name="sideways",
        holds=lambda it: any(direction(piece) in ("left", "right") for piece in it.calls("scroll")),
        theirs=("nothing", "acts"),
    ),
    Rule(
        name="direction",
        holds=lambda it: any(direction(piece) not in ("up", "down") for piece in it.calls("scroll")),
        ours=("refuses",),
    ),
    Rule(
        name="scroll_without_place",
        holds=lambda it: any(lacks(piece, "start_box") for piece in it.calls("scroll")),
        theirs=("acts",),
        ours=("reads",),
    ),
    Rule(
        name="half_a_drag",
        holds=lambda it: any(lacks(piece, "start_box", "end_box") for piece in it.calls("drag", "select")),
        ours=("refuses",),
    ),
    Rule(
        name="off_the_screen",
        holds=lambda it: any(
            off_frame(match[3], it.frame) for piece in it.calls(*POINTING) for match in BOX.finditer(piece)
        ),
        theirs=("acts",),
        ours=("refuses",),
    ),
)


def rules_of(written: Written) -> list[Rule]:
    """Every rule that the reply falls under; a reply may hold several faults."""
    return [rule for rule in RULES if rule.holds(written)]
