"""One word of a shell script: quotes, backslashes and variables, up to the blank or the operator that ends it.

Knows letters and variables; knows no commands.
"""

from __future__ import annotations

import re

from arpo_engine.contract.config.verl.expansion import Variables, Word, expand
from arpo_engine.contract.errors import ConfigError

BLANKS = " \t"
OPERATORS = ";&|<>()"
ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=")
LOOSE_CONTINUATION = re.compile(r"\\[ \t]+(#[^\n]*)?(?=\n|\Z)")
"""A backslash with blanks or a comment behind it: as documents show it, and as a shell does not read it."""


def read_word(text: str, at: int, variables: Variables) -> tuple[list[Word], int]:
    """The word that begins at a place, and the place after it; several where a variable falls apart at its blanks.

    Raises:
        ConfigError: a quote is not closed, or the word grows without end.
    """
    reader = _Word(text, at, variables)
    reader.read()
    return reader.done, reader.at


def line_of(text: str, at: int) -> int:
    """The line of a place, counted from 1."""
    return text.count("\n", 0, at) + 1


class _Word:
    def __init__(self, text: str, at: int, variables: Variables) -> None:
        self.text = text
        self.at = at
        self.done: list[Word] = []
        self._variables = variables
        self._open: Word | None = None
        self._letters: list[str] = []

    def read(self) -> None:
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter in BLANKS or letter in OPERATORS or letter == "\n":
                break
            if letter == "\\":
                if LOOSE_CONTINUATION.match(self.text, self.at):
                    break
                self._backslash()
            elif letter == "'":
                self._single()
            elif letter == '"':
                self._double()
            elif letter in "$`":
                self._unquoted_dollar()
            else:
                self._letter(letter)
        self._flush()
        if self._open is not None:
            self.done.append(self._open)

    def _letter(self, letter: str) -> None:
        self._letters.append(letter)
        self.at += 1

    def _flush(self) -> None:
        if self._letters:
            letters, self._letters = "".join(self._letters), []
            self._add(Word(letters))

    def _add(self, word: Word) -> None:
        self._open = word if self._open is None else self._open + word

    def _backslash(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following != "\n":
            self._letters.append(following)
        self.at += 2

    def _single(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise ConfigError(f"line {line_of(self.text, self.at)}: the quote ' is not closed; close it")
        self._flush()
        self._add(Word(self.text[self.at + 1 : end]))
        self.at = end + 1

    def _double(self) -> None:
        begun = self.at
        self._flush()
        self._add(Word(""))
        self.at += 1
        while (letter := self.text[self.at : self.at + 1]) != '"':
            following = self.text[self.at + 1 : self.at + 2]
            if not letter:
                raise ConfigError(f'line {line_of(self.text, begun)}: the quote " is not closed; close it')
            if letter in "$`":
                self._flush()
                words, self.at = expand(self.text, self.at, self._variables)
                self._add_apart(words)
            elif letter == "\\" and following and following in '$`"\\\n':
                self._backslash()
            else:
                self._letter(letter)
        self._flush()
        self.at += 1

    def _unquoted_dollar(self) -> None:
        self._flush()
        words, self.at = expand(self.text, self.at, self._variables)
        if self._open is None or ASSIGNMENT.match(self._open.text) is None:
            words = tuple(part for word in words for part in _fallen_apart(word))
        self._add_apart(words)

    def _add_apart(self, words: tuple[Word, ...]) -> None:
        """The first goes on with the word under way, each other one begins a new word."""
        for place, word in enumerate(words):
            if place and self._open is not None:
                self.done.append(self._open)
                self._open = None
            self._add(word)


def _fallen_apart(word: Word) -> tuple[Word, ...]:
    if word.problem:
        return (word,)
    return tuple(Word(part) for part in word.text.split())
