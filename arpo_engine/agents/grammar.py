"""The grammar of UI-TARS actions: text into calls, a name with quoted arguments each. Nothing is ever evaluated.

    calls    = call { empty line call }
    call     = name "(" [ argument { "," argument } [ "," ] ] ")" [ "#" comment ]
    argument = name "=" quoted
    quoted   = "'" characters "'" | '"' characters '"'          with the escapes of a Python string

The published prompts ask for Python's escapes, and the published parser wants an empty line between actions, so both
are the rule here. What it reads beyond that (positions, prefixes of strings, attributes) is no action and is refused.
Must not know what a name or an argument means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from arpo_engine.contract.errors import ActionUnreadable

MOST_CHARACTERS = 200_000
"""A longer reply is not read: 8192 tokens, the longest that the published runs sample, are about a fifth of it."""
SEPARATOR = "\n\n"
SHOWN = 60
"""Characters of a reply that an error repeats."""

BLANKS = re.compile(r"[ \t\f\n]*")
NAME = re.compile(r"[ \t\f\n]*([A-Za-z_]+)[ \t\f]*")
QUOTED = {
    "'": re.compile(r"'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL),
    '"': re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL),
}
COMMENT = re.compile(r"[ \t]*(?:#[^\n]*)?")
LOOSE = re.compile(r"\s*(type|finished)\(content=(['\"])(.*)(?<!\\)\2\)\s*", re.DOTALL)
ESCAPE = re.compile(
    r"\\(\n|[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}\n]{1,100}\}|.)", re.DOTALL
)
ESCAPES = {
    "\n": "", "\\": "\\", "'": "'", '"': '"', "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
    "v": "\v",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One action as it was written; the arguments are unescaped, their places not yet read."""

    name: str
    arguments: Mapping[str, str]


def read_calls(text: str) -> tuple[Call, ...]:
    """All calls of a reply, in order; at least one.

    An apostrophe inside of `content='…'` is read even where it is not escaped, if the call can end in one way only: the
    published parser does so too, and replies are full of them.

    Raises:
        ActionUnreadable: with what was found and what the grammar wants there.
    """
    refuse_too_long(text)
    try:
        return _strict(text.strip())
    except ActionUnreadable as problem:
        calls: list[Call] = []
        for piece in text.strip().split(SEPARATOR):
            loose = LOOSE.fullmatch(piece)
            if loose is None or f"{loose[2]})" in loose[3]:
                raise problem from None
            calls.append(Call(name=loose[1], arguments={"content": unescape(loose[3])}))
        return tuple(calls)


def refuse_too_long(text: str) -> None:
    """Raise `ActionUnreadable` for a reply that no policy means, before anything looks at all of it."""
    if len(text) > MOST_CHARACTERS:
        raise ActionUnreadable(
            f"the reply has {len(text)} characters, and more than {MOST_CHARACTERS} are not read; "
            "lower generator.max_new_tokens"
        )


def unescape(text: str) -> str:
    """The characters that a quoted text stands for, by the rules of a Python string.

    Raises:
        ActionUnreadable: an escape is cut off, or names no character that can be typed.
    """
    if "\\" not in text:
        return text
    return ESCAPE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = match[1]
    if code in ESCAPES:
        return ESCAPES[code]
    if code[0] in "01234567":
        return chr(int(code, 8))
    if code[0] not in "xuUN":
        return match[0]  # Python leaves an unknown escape as it is
    if len(code) == 1:
        raise ActionUnreadable(f"the escape \\{code} is cut off; write a backslash as \\\\")
    try:
        return unicodedata.lookup(code[2:-1]) if code[0] == "N" else chr(int(code[1:], 16))
    except (KeyError, ValueError, OverflowError):
        raise ActionUnreadable(f"the escape \\{code} names no character") from None


def _strict(text: str) -> tuple[Call, ...]:
    calls, at = [], 0
    while True:
        call, at = _read_call(text, at)
        calls.append(call)
        end = COMMENT.match(text, at)
        at = end.end() if end is not None else at
        if at >= len(text):
            return tuple(calls)
        if not text.startswith(SEPARATOR, at):
            raise ActionUnreadable(
                f"after the action {call.name} comes {text[at : at + SHOWN].strip()!r}; a reply ends there, or goes on "
                "with another action after an empty line"
            )
        at += len(SEPARATOR)


def _read_call(text: str, at: int) -> tuple[Call, int]:
    """A call, and where it ended."""
    match = NAME.match(text, at)
    if match is None or not text.startswith("(", match.end()):
        raise ActionUnreadable(f"{text[at : at + SHOWN].strip()!r} is no action; write it as name(argument='value')")
    name, at = match[1], match.end() + 1
    arguments: dict[str, str] = {}
    while not text.startswith(")", _past_blanks(text, at)):
        if arguments:
            at = _expect(text, at, ",")
            if text.startswith(")", _past_blanks(text, at)):
                break
        key, at = _read_key(text, at, name)
        if key in arguments:
            raise ActionUnreadable(f"{name} has two arguments {key!r}; give it once")
        arguments[key], at = _read_quoted(text, at, f"{name}'s {key}")
    return Call(name=name, arguments=arguments), _expect(text, at, ")")


def _past_blanks(text: str, at: int) -> int:
    match = BLANKS.match(text, at)
    return match.end() if match is not None else at


def _expect(text: str, at: int, mark: str) -> int:
    found = _past_blanks(text, at)
    if not text.startswith(mark, found):
        raise ActionUnreadable(f"{text[at : at + 20]!r} stands where {mark!r} must; the action is cut off or garbled")
    return found + 1


def _read_key(text: str, at: int, name: str) -> tuple[str, int]:
    match = NAME.match(text, at)
    if match is None or not text.startswith("=", match.end()):
        raise ActionUnreadable(f"{name} has {text[at : at + 20]!r} where an argument name='value' must stand")
    return match[1], match.end() + 1


def _read_quoted(text: str, at: int, what: str) -> tuple[str, int]:
    at = _past_blanks(text, at)
    quote = text[at : at + 1]
    if quote not in QUOTED:
        raise ActionUnreadable(f"{what} is not quoted; write it in ' or \"")
    match = QUOTED[quote].match(text, at)
    if match is None:
        raise ActionUnreadable(f"{what} has no closing {quote}; the reply was cut off")
    return unescape(match[1]), match.end()
