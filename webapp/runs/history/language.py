"""The query language of the list: text into terms, with the place of whatever cannot be read.

    status:running owner:anna optimizer.lr>1e-6 metric.train/success>=0.5 tag:baseline -tag:old "free words"

Terms stand side by side and must all hold; `a,b` means either; a leading `-` turns a term round; quotes keep blanks,
commas and colons together. Knows letters and nothing else: which fields there are is another module's matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 1000
MAX_TERMS: Final = 40
OPERATORS: Final = (">=", "<=", "!=", ":", "=", ">", "<")
"""The longest first, as they are looked for."""
QUOTE: Final = '"'
_STOPS: Final = frozenset(':=<>!,"')


class QueryError(ValueError):
    """A query that cannot be read or means nothing: where, why, and what to write instead when that is known."""

    def __init__(self, message: str, start: int, end: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = max(end, start)
        self.suggestion = suggestion
        """Text to put in the place of `start` to `end`."""

    def mended(self, text: str) -> str | None:
        """The query with the suggestion in it; None without a suggestion."""
        return None if self.suggestion is None else text[: self.start] + self.suggestion + text[self.end :]


@dataclass(frozen=True, slots=True)
class Piece:
    """A word of the query and where it stands."""

    text: str
    start: int
    end: int
    quoted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition. Free words have no field; `operator` is ":" then."""

    field: Piece | None
    operator: str
    values: tuple[Piece, ...]
    negated: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A whole query, as it was written and as it is meant."""

    text: str
    terms: tuple[Term, ...]

    def written(self, term: Term) -> str:
        """The term as it was typed."""
        return self.text[term.start : term.end]

    def without(self, term: Term) -> str:
        """The query's text with this term taken out."""
        return " ".join((self.text[: term.start].rstrip(), self.text[term.end :].lstrip())).strip()


def parse(text: str) -> Query:
    """Read a query.

    Raises:
        QueryError: a quote is not closed, a value is missing, or it is too long.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"The query has {len(text)} characters; use {MAX_LENGTH} or fewer.", MAX_LENGTH, len(text), "")
    if (nul := text.find("\x00")) >= 0:
        raise QueryError("The query holds a character that no text holds (NUL); take it out.", nul, nul + 1, "")
    terms = tuple(_terms(text))
    if len(terms) > MAX_TERMS:
        raise QueryError(
            f"The query has {len(terms)} terms; use {MAX_TERMS} or fewer.", terms[MAX_TERMS].start, len(text), ""
        )
    return Query(text=text, terms=terms)


def quoted(value: str) -> str:
    """A value as it is written in a query: in quotes only where it must be."""
    plain = value and not value.startswith("-") and not any(letter.isspace() or letter in _STOPS for letter in value)
    return value if plain else f"{QUOTE}{value.replace(QUOTE, '')}{QUOTE}"


def _terms(text: str) -> Iterator[Term]:
    place = 0
    while (place := _after_blanks(text, place)) < len(text):
        term = _term(text, place)
        yield term
        place = term.end


def _term(text: str, start: int) -> Term:
    negated = text[start] == "-" and start + 1 < len(text) and not text[start + 1].isspace()
    place = start + negated
    operator = _operator(text, place)
    if operator or text[place] == ",":
        raise QueryError(
            f"There is nothing before “{operator or ','}”; write a field there, such as status:running.",
            start, place + max(len(operator), 1),
        )  # fmt: skip
    first = _piece(text, place, "")
    operator = _operator(text, first.end)
    if not operator:
        values = _values(text, first)
        return Term(field=None, operator=":", values=values, negated=negated, start=start, end=values[-1].end)
    place = first.end + len(operator)
    if operator == ":" and (second := _operator(text, place)):  # as some write it: created:>7d
        operator, place = second, place + len(second)
    if not first.text:
        raise QueryError("There is no field in these quotes; write its name.", first.start, first.end)
    values = _values(text, _value(text, place, first, operator))
    return Term(field=first, operator=operator, values=values, negated=negated, start=start, end=values[-1].end)


def _values(text: str, first: Piece) -> tuple[Piece, ...]:
    """The first value and those that follow it after commas."""
    values = [first]
    while values[-1].end < len(text) and text[values[-1].end] == ",":
        values.append(_value(text, values[-1].end + 1, first, ","))
    return tuple(values)


def _value(text: str, place: int, before: Piece, operator: str) -> Piece:
    """The value at this place; inside a value only blanks, commas and quotes mean something."""
    if place >= len(text) or text[place].isspace() or text[place] == ",":
        raise QueryError(
            f"There is no value after “{before.text}{operator if operator != ',' else ', '}”; "
            "write one without a blank in between.",
            before.start, place,
        )  # fmt: skip
    return _piece(text, place, ",")


def _piece(text: str, start: int, value_stops: str) -> Piece:
    """A word from here on: up to the closing quote, or to a letter that ends it."""
    if text[start] == QUOTE:
        end = text.find(QUOTE, start + 1)
        if end < 0:
            raise QueryError(
                "This quote is not closed; put a second one at the end of the words.",
                start, len(text), text[start:].rstrip() + QUOTE,
            )  # fmt: skip
        return Piece(text[start + 1 : end], start, end + 1, quoted=True)
    end = start
    while end < len(text) and not text[end].isspace() and not _ends(text, end, value_stops):
        end += 1
    return Piece(text[start:end], start, end)


def _ends(text: str, place: int, value_stops: str) -> bool:
    letter = text[place]
    if letter == QUOTE:
        return True
    return letter in value_stops if value_stops else letter == "," or bool(_operator(text, place))


def _operator(text: str, place: int) -> str:
    return next((operator for operator in OPERATORS if text.startswith(operator, place)), "")


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place
