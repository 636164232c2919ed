"""A hand-written Markdown document, taken apart into statements: what is said, where, and of whom.

Reads tables, lists, headings, prose and code blocks line by line. Knows no values and no components; executes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Of whose pipeline something is said."""

    PAPER = "the paper's"
    OURS = "the document's own"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A cell, an item, a sentence or a line of code."""

    line: int
    """Counted from 1."""
    side: Side
    subject: str
    """First cell of a table's row, or a list item's label."""
    text: str
    """Without Markdown's marks."""
    is_claim: bool
    """Whether it says something that could be wrong: a value, or that things are alike."""

    @property
    def whole(self) -> str:
        """Subject and text together, for readers."""
        return f"{self.subject}: {self.text}" if self.subject else self.text


_PAPER = re.compile(r"\b(paper|original|published|reference|upstream|official|theirs?)\b|JIA-Lab|dvlab", re.IGNORECASE)
_OURS = re.compile(r"\b(ours?|mine|my|we|replica|this repo\w*|setup)\b", re.IGNORECASE)
_STATUS = re.compile(r"^\W*(status|verdict|match\w*|same\??|equal\??)\W*$", re.IGNORECASE)
_ALIKE = re.compile(r"\b(same|exact\w*|identical\w*|equal\w*|equivalent|match\w*|unchanged|100 ?%)", re.IGNORECASE)
_VALUE = re.compile(r"\d|[\w\]]\s*=\s*\S|\b(true|false)\b", re.IGNORECASE)
_RULE = re.compile(r"^[\s|:\-*_=]+$")
_HEADING = re.compile(r"^#{1,6}\s+(.*)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.*)")
_LABEL = re.compile(r"^\**([^*:]{1,40}?)\**\s*:\**\s+(.*)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_MARKS = re.compile(r"\*\*|__|`|<!--|-->")


def statements_of(text: str) -> Iterator[Statement]:
    """Each statement of a document, in its order."""
    side, columns, in_code = Side.UNSAID, list[Side | None](), False
    for number, line in enumerate(text.splitlines(), start=1):
        if _FENCE.match(line):
            in_code = not in_code
        elif in_code:
            side = side_of(line) if line.lstrip().startswith("#") and side_of(line) is not Side.UNSAID else side
            yield from _plain(number, side, line, "")
        elif heading := _HEADING.match(line):
            side, columns = side_of(heading[1]), []
            yield from _plain(number, side, heading[1], "")
        elif line.lstrip().startswith("|"):
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not columns:
                columns = [None if _STATUS.match(_bare(cell)) else side_of(cell) for cell in cells]
            elif not _RULE.match(line):
                yield from _row(number, columns, cells)
        elif line.strip() and not _RULE.match(line):
            columns = []
            item = _ITEM.match(line)
            yield from _said(number, side, item[1] if item else line)


def side_of(text: str) -> Side:
    """Whose pipeline a heading, a label or a column's title speaks of; unsaid where it names both or none."""
    paper, ours = bool(_PAPER.search(text)), bool(_OURS.search(text))
    return Side.UNSAID if paper == ours else Side.PAPER if paper else Side.OURS


def _row(number: int, columns: list[Side | None], cells: list[str]) -> Iterator[Statement]:
    for place, cell in enumerate(cells[1:], start=1):
        side = columns[place] if place < len(columns) else Side.UNSAID
        if side is not None and cell:
            text = _bare(cell)
            yield Statement(line=number, side=side, subject=_bare(cells[0]), text=text, is_claim=True)


def _said(number: int, side: Side, line: str) -> Iterator[Statement]:
    """A list item or a line of prose; a label such as `**Paper**:` says whose it is."""
    label = _LABEL.match(line)
    if label is None:
        yield from _plain(number, side if side is not Side.UNSAID else side_of(line), line, "")
        return
    named = side_of(label[1])
    yield from _plain(number, named if named is not Side.UNSAID else side, label[2], _bare(label[1]))


def _plain(number: int, side: Side, line: str, subject: str) -> Iterator[Statement]:
    text = _bare(line)
    if text:
        claims = bool(_VALUE.search(text) or _ALIKE.search(text))
        yield Statement(line=number, side=side, subject=subject, text=text, is_claim=claims)


def _bare(text: str) -> str:
    return _MARKS.sub("", text).strip().removesuffix("\\").strip()
