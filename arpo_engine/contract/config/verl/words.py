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
_BRACES = re.compile(r"\{([^\s{}]{1,200})\}")
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
            elif letter == "{" and (braces := self._expanding()) is not None:
                self._several(braces)
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
                self._add_apart(self._expand())
            elif letter == "\\" and following and following in '$`"\\\n':
                self._backslash()
            else:
                self._letter(letter)
        self._flush()
        self.at += 1

    def _expanding(self) -> re.Match[str] | None:
        """Braces that a shell makes several words of, `{a,b}` or `{1..3}`; it leaves them alone in an assignment."""
        braces = _BRACES.match(self.text, self.at)
        if braces is None or not ("," in braces[1] or ".." in braces[1]):
            return None
        begun = (self._open.text if self._open is not None else "") + "".join(self._letters)
        return None if ASSIGNMENT.match(begun) else braces

    def _several(self, braces: re.Match[str]) -> None:
        self._flush()
        problem = f"{braces[0]}: a shell makes several words of it; write one value, or quote it"
        self._add(_placed(Word(braces[0], problem), self.text, self.at))
        self.at = braces.end()

    def _expand(self) -> tuple[Word, ...]:
        begun = self.at
        words, self.at = expand(self.text, begun, self._variables)
        return tuple(_placed(word, self.text, begun) for word in words)

    def _unquoted_dollar(self) -> None:
        self._flush()
        words = self._expand()
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


def _placed(word: Word, text: str, at: int) -> Word:
    """The word with the line in its problem; one that a variable brought along keeps the line that it has."""
    if not word.problem or word.problem.startswith("line "):
        return word
    return Word(word.text, f"line {line_of(text, at)}: {word.problem}")


def _fallen_apart(word: Word) -> tuple[Word, ...]:
    if word.problem:
        return (word,)
    return tuple(Word(part) for part in word.text.split())
