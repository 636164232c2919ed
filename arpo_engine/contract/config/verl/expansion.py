"""What a `$` stands for in a shell script: variables that the text itself sets, and whole-number arithmetic.

Nothing is executed: the output of a command is not known, and a word that needs it says so. The environment of this
process is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from arpo_engine.contract.config.verl.arithmetic import ArithmeticProblem, calculate
from arpo_engine.contract.errors import ConfigError

MAX_WORD = 64 * 1024
"""Longest text of a variable or a word (characters); a chain of variables that double each other ends here."""
_DEEPEST = 20
_NAME = re.compile(r"[A-Za-z_]\w*")
_PLAIN = re.compile(r"[^$`'\"]+")
_PARAMETER = re.compile(r"([A-Za-z_]\w*)(?:(\[[@*]\])|(:?[-=])(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a command after quotes and variables."""

    text: str
    problem: str = ""
    """Why the text is not what a shell would have put here; empty when it is."""

    def __add__(self, other: Word) -> Word:
        if len(self.text) + len(other.text) > MAX_WORD:
            raise ConfigError(
                f"a word of the script grows beyond {MAX_WORD} characters through its variables; write its value"
            )
        return Word(self.text + other.text, self.problem or other.problem)


Variables = Mapping[str, tuple[Word, ...]]
"""Values by name; an array has several words, any other variable one."""


def expand(text: str, at: int, variables: Variables, depth: int = 0) -> tuple[tuple[Word, ...], int]:
    """The words that stand for the `$…` or `` `…` `` at a place, and the place after it.

    Several words come from an array only.
    """
    if depth > _DEEPEST:
        return _unknown("more than 20 substitutions inside each other", text[at : at + 20]), len(text)
    if text[at] == "`":
        end = text.find("`", at + 1)
        return _command(text[at : end + 1 if end >= 0 else len(text)]), end + 1 if end >= 0 else len(text)
    following = text[at + 1 : at + 2]
    if text.startswith("$((", at):
        return _arithmetic(text, at, variables)
    if following == "(":
        end = closing(text, at + 1, "(", ")")
        return _command(text[at : end + 1]), end + 1
    if following == "{":
        end = closing(text, at + 1, "{", "}")
        return _parameter(text[at + 2 : end], variables, depth), end + 1
    name = _NAME.match(text, at + 1)
    if name is not None:
        return _lookup(name[0], variables), name.end()
    if following in ("@", "*"):
        return (), at + 2  # A script started without words of its own has none here.
    if following and following in "#?$!-0123456789":
        return _unknown("it is known only while a shell runs", f"${following}"), at + 2
    return (Word("$"),), at + 1


def closing(text: str, at: int, opens: str, closes: str) -> int:
    """The place of the bracket that closes the one at `at`, quotes left aside; the end of the text if none does."""
    depth, quote, place = 0, "", at
    while place < len(text):
        letter = text[place]
        if letter == "\\" and quote != "'":
            place += 1
        elif quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == opens:
            depth += 1
        elif letter == closes:
            depth -= 1
            if depth == 0:
                return place
        place += 1
    return len(text)


def number_of(expression: str, variables: Variables) -> Word:
    """An arithmetic expression as a word; one that has no value says why."""

    def lookup(name: str) -> str:
        words = variables.get(name, ())
        if not words:
            raise ArithmeticProblem(f"{name} is not set in the script; set it above")
        if words[0].problem:
            raise ArithmeticProblem(words[0].problem)
        return words[0].text

    try:
        return Word(str(calculate(expression, lookup)))
    except ArithmeticProblem as problem:
        return Word("", str(problem))


def _arithmetic(text: str, at: int, variables: Variables) -> tuple[tuple[Word, ...], int]:
    end = closing(text, at + 1, "(", ")")
    inside = text[at + 3 : end - 1] if text[end - 1 : end] == ")" else text[at + 3 : end]
    return (number_of(inside, variables),), end + 1


def _parameter(inside: str, variables: Variables, depth: int) -> tuple[Word, ...]:
    found = _PARAMETER.fullmatch(inside)
    if found is None:
        return _unknown("this kind of substitution is not read here", f"${{{inside}}}")
    name, whole, operator, fallback = found.groups()
    known = variables.get(name)
    if whole is not None or operator is None:
        return _lookup(name, variables) if whole is None else (known or ())
    empty = known is None or (operator.startswith(":") and not any(word.text or word.problem for word in known))
    return (_fallback(fallback, variables, depth),) if empty else known or ()


def _fallback(text: str, variables: Variables, depth: int) -> Word:
    """The word after `:-`, in which variables may stand again."""
    word, at = Word(""), 0
    while at < len(text):
        if text[at] in "$`":
            parts, at = expand(text, at, variables, depth + 1)
        else:
            plain = _PLAIN.match(text, at)
            parts, at = (Word(plain[0]),) if plain else (), plain.end() if plain else at + 1
        for part in parts:
            word += part
    return word


def _lookup(name: str, variables: Variables) -> tuple[Word, ...]:
    words = variables.get(name)
    if words is None:
        return (Word("", f"${name} is not set in the script; set it above, or write the value itself"),)
    return words[:1]


def _command(text: str) -> tuple[Word, ...]:
    return _unknown("it stands for the output of a command, and nothing is executed", text)


def _unknown(reason: str, text: str) -> tuple[Word, ...]:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return (Word("", f"{shown}: {reason}; write the value itself"),)
