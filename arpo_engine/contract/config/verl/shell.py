"""A shell script as the commands that it would run, words in place of quotes and variables. Nothing is executed.

Knows comments, continued lines, assignments, arrays and arithmetic; conditions and loops are not decided: their lines
are read once, in their order, and a note says so. Knows no trainer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from arpo_engine.contract.config.verl.arithmetic import split_assignment
from arpo_engine.contract.config.verl.expansion import Word, closing, number_of
from arpo_engine.contract.config.verl.words import ASSIGNMENT, BLANKS, LOOSE_CONTINUATION, line_of, read_word
from arpo_engine.contract.errors import ConfigError

MAX_SCRIPT = 256 * 1024
"""Longest script (characters)."""
MAX_WORDS = 5_000
"""Most words of one command or array."""
MAX_EXPANDED = 2_000_000
"""Most characters of all words together, once variables stand for their values."""
_ARRAY = re.compile(r"([A-Za-z_]\w*)(\+?)=\(")
_HEREDOC = re.compile(r"<<-?\s*['\"]?([A-Za-z_]\w*)['\"]?")
_REDIRECTION = re.compile(r"\d*[<>][<>&|]*[ \t]*")
_DECIDES = frozenset(
    ["if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac", "function", "select"]
)
_OPENERS = frozenset(("then", "else", "do", "{", "!"))
"""Words behind which a command of its own begins."""
_ASSIGNERS = frozenset(("export", "declare", "local", "readonly", "typeset"))


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command."""

    words: tuple[Word, ...]
    line: int
    """Where it begins, counted from 1."""

    @property
    def text(self) -> str:
        """The command in one line, cut short."""
        words = " ".join(word.text or "…" for word in self.words)
        return words if len(words) <= 80 else f"{words[:80]}…"


@dataclass(slots=True)
class Script:
    """What a script says."""

    commands: list[Command] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was read more kindly than a shell would, or not decided."""
    variables: dict[str, tuple[Word, ...]] = field(default_factory=dict)


def read_script(text: str) -> Script:
    """Read a script, or a single command.

    Raises:
        ConfigError: it is too long, a quote or an array is not closed, or its variables grow without end.
    """
    if len(text) > MAX_SCRIPT:
        raise ConfigError(
            f"the script has {len(text)} characters; paste at most {MAX_SCRIPT}, only the training command"
        )
    return _Reader(text.replace("\r\n", "\n")).read()


class _Reader:
    """Goes through the text once, word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._script = Script()
        self._words: list[Word] = []
        self._begun_at = 0
        self._heredocs: list[str] = []
        self._expanded = 0
        self._counted = (0, 1)

    def read(self) -> Script:
        while self._at < len(self._text):
            self._next()
        self._end_command()
        return self._script

    def _line_of(self, at: int) -> int:
        """The line of a place; counted on from the last one, since places only go forward."""
        begun, line = self._counted
        if at < begun:
            return line_of(self._text, at)
        self._counted = (at, line + self._text.count("\n", begun, at))
        return self._counted[1]

    def _next(self) -> None:
        text, at = self._text, self._at
        letter = text[at]
        loose = LOOSE_CONTINUATION.match(text, at) if letter == "\\" else None
        if letter in BLANKS:
            self._at += 1
        elif text.startswith("\\\n", at):
            self._at += 2
        elif loose is not None:
            self._note(
                "blanks or a comment stand behind the backslash, where a shell ends the command; it is read as going on"
            )
            self._at = loose.end() + 1
        elif letter == "#":
            self._at = _line_end(text, at)
        elif letter == "\n":
            self._newline()
        elif text.startswith("((", at) and not self._words:
            self._arithmetic_command()
        elif (array := _ARRAY.match(text, at)) is not None and self._may_assign():
            self._array(array)
        elif (heredoc := _HEREDOC.match(text, at)) is not None:
            self._heredocs.append(heredoc[1])
            self._at = heredoc.end()
        elif (redirection := _REDIRECTION.match(text, at)) is not None:
            _, self._at = read_word(text, redirection.end(), self._script.variables)
        elif letter in ";&|()":
            self._end_command()
            self._at += 1
        else:
            self._word()

    def _note(self, sentence: str) -> None:
        self._script.notes.append(f"line {self._line_of(self._at)}: {sentence}")

    def _may_assign(self) -> bool:
        return not self._words or self._words[0].text in _ASSIGNERS

    def _read_word(self) -> list[Word]:
        words, after = read_word(self._text, self._at, self._script.variables)
        self._at = max(after, self._at + 1)
        self._expanded += sum(len(word.text) for word in words)
        if self._expanded > MAX_EXPANDED:
            raise ConfigError(
                f"the script grows beyond {MAX_EXPANDED} characters through its variables; write its values"
            )
        return words

    def _word(self) -> None:
        begun = self._at
        words = self._read_word()
        if not self._words:
            self._begun_at = begun
        for word in words:
            if not (self._may_assign() and self._assign(word)):
                self._words.append(word)
        _check_count(self._words)
        if len(self._words) == 1 and self._words[0].text in _OPENERS:
            self._end_command()

    def _assign(self, word: Word) -> bool:
        """`NAME=value` before a command, or after `export`."""
        found = ASSIGNMENT.match(word.text)
        if found is None:
            return False
        value = Word(word.text[found.end() :], word.problem)
        before = self._script.variables.get(found[1], ()) if found[2] else ()
        self._script.variables[found[1]] = (before[0] + value,) if before else (value,)
        return True

    def _array(self, found: re.Match[str]) -> None:
        begun = self._line_of(self._at)
        values = list(self._script.variables.get(found[1], ())) if found[2] else []
        self._at = found.end()
        while self._text[self._at : self._at + 1] != ")":
            letter = self._text[self._at : self._at + 1]
            if not letter or letter in ";&|<>(":
                raise ConfigError(f"line {begun}: the array {found[1]} is not closed; add the missing parenthesis")
            if letter == "#":
                self._at = _line_end(self._text, self._at)
            elif letter in " \t\n" or self._text.startswith("\\\n", self._at):
                self._at += 2 if letter == "\\" else 1
            else:
                values += self._read_word()
            _check_count(values)
        self._at += 1
        self._script.variables[found[1]] = tuple(values)

    def _arithmetic_command(self) -> None:
        end = closing(self._text, self._at, "(", ")")
        inside = self._text[self._at + 2 : end].removesuffix(")")
        assigned = split_assignment(inside)
        if assigned is None:
            self._note(f"(({inside.strip()[:40]})) decides something; it is not read")
        else:
            name, expression = assigned
            self._script.variables[name] = (number_of(expression, self._script.variables),)
        self._at = end + 1

    def _newline(self) -> None:
        self._end_command()
        self._at += 1
        heredocs, self._heredocs = self._heredocs, []
        for name in heredocs:
            end = re.compile(rf"^\t*{name}$", re.MULTILINE).search(self._text, self._at)
            self._note(f"the text up to {name} is not read")
            self._at = end.end() if end else len(self._text)

    def _end_command(self) -> None:
        words, self._words = self._words, []
        if not words or words[0].text in _ASSIGNERS:
            return
        command = Command(tuple(words), self._line_of(self._begun_at))
        if words[0].text in _DECIDES:
            self._script.notes.append(
                f"line {command.line}: {words[0].text!r} decides what runs; its lines are read once, in their order"
            )
        self._script.commands.append(command)


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def _check_count(words: list[Word]) -> None:
    if len(words) > MAX_WORDS:
        raise ConfigError(f"a command of the script has more than {MAX_WORDS} words; paste only the training command")
