"""A hand-written Markdown document, taken apart into statements: what is said, where, and of whom.

Reads tables, lists, headings, prose and code blocks line by line. Knows no values and no components; executes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
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
    around: str = ""
    """The paragraph, or the block of code, that it stands in."""

    @property
    def says_alike(self) -> bool:
        """Whether it says that something is as it is there, without a value."""
        return _ALIKE.search(self.text) is not None

    @property
    def whole(self) -> str:
        """Subject and text together, for readers."""
        return f"{self.subject}: {self.text}" if self.subject else self.text


_PAPER = re.compile(r"\b(paper|original|published|reference|upstream|official|theirs?)\b|JIA-Lab|dvlab", re.IGNORECASE)
_OURS = re.compile(r"\b(ours?|mine|my|we|replica|this repo\w*|setup)\b", re.IGNORECASE)
_STATUS = re.compile(r"^\W*(status|verdict|match\w*|same\??|equal\??)\W*$", re.IGNORECASE)
_ALIKE = re.compile(r"\b(same|exact\w*|identical\w*|equal\w*|equivalent|match\w*|unchanged|100 ?%)", re.IGNORECASE)
_VALUE = re.compile(r"\d|[\w\]]\s*=\s*\S|\b(true|false)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"^\W*\d+[.)]\s+")
_SENTENCE_END = re.compile(r"(?<=[\w)`*][.!?])\s+(?=[A-Z*`\"'])")
_SHELL = re.compile(r"\s*(?:git|cd|pip|ls|cat|echo)\b")
MAX_AROUND = 4_000
"""Characters of a paragraph or a block that stand beside a statement."""
MAX_CALL_LINES = 40
"""Lines over which a call in code may go."""
_RULE = re.compile(r"^[\s|:\-*_=]+$")
_HEADING = re.compile(r"^#{1,6}\s+(.*)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.*)")
_LABEL = re.compile(r"^\**([^*:]{1,40}?)\**\s*:\**\s+(.*)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_MARKS = re.compile(r"\*\*|__|`|<!--|-->")


@dataclass(slots=True)
class _Reader:
    """Where the reading stands: of whom the last heading spoke, a table's columns, lines that are not closed yet."""

    side: Side = Side.UNSAID
    columns: list[Side | None] = field(default_factory=list)
    in_code: bool = False
    open_lines: list[tuple[int, str]] = field(default_factory=list)

    def read(self, number: int, line: str) -> Iterator[Statement]:
        if _FENCE.match(line):
            yield from self.close()
            self.in_code = not self.in_code
        elif self.in_code:
            yield from self._code(number, line)
        elif heading := _HEADING.match(line):
            yield from self.close()
            self.side, self.columns = side_of(heading[1]), []
            yield from _plain(number, self.side, _NUMBERED.sub("", heading[1]), "")
        elif line.lstrip().startswith("|"):
            yield from self.close()
            yield from self._table(number, line)
        elif not line.strip() or _RULE.match(line):
            yield from self.close()
            self.columns = []
        else:
            if _ITEM.match(line):
                yield from self.close()
            self.open_lines.append((number, line))

    def close(self) -> Iterator[Statement]:
        """What the lines that are open say together: a wrapped sentence, or a call over several lines."""
        lines, self.open_lines = self.open_lines, []
        if not lines:
            return
        if self.in_code:
            text = " ".join(line.strip() for _, line in lines)
            for one in _plain(lines[0][0], self.side, text, ""):
                yield replace(one, is_claim=one.is_claim and not _SHELL.match(text))
            return
        for number, text in _sentences(lines):
            item = _ITEM.match(text)
            yield from _said(number, self.side, item[1] if item else text)

    def _code(self, number: int, line: str) -> Iterator[Statement]:
        if line.lstrip().startswith("#") and side_of(line) is not Side.UNSAID:
            self.side = side_of(line)
        self.open_lines.append((number, line))
        written = " ".join(text for _, text in self.open_lines)
        if written.count("(") <= written.count(")") or len(self.open_lines) >= MAX_CALL_LINES:
            yield from self.close()

    def _table(self, number: int, line: str) -> Iterator[Statement]:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not self.columns:
            self.columns = [None if _STATUS.match(_bare(cell)) else side_of(cell) for cell in cells]
        elif not _RULE.match(line):
            yield from _row(number, self.columns, cells)


def statements_of(text: str) -> Iterator[Statement]:
    """Each statement of a document, in its order."""
    lines = text.splitlines()
    around = _surroundings(lines)
    reader = _Reader()
    for number, line in enumerate(lines, start=1):
        for one in reader.read(number, line):
            yield replace(one, around=around[one.line - 1])
    for one in reader.close():
        yield replace(one, around=around[one.line - 1])


def _surroundings(lines: list[str]) -> list[str]:
    """For each line the paragraph, or the whole block of code, that it belongs to."""
    found, open_at, in_code = [""] * len(lines), 0, False
    for place, line in enumerate([*lines, ""]):
        fence = _FENCE.match(line) is not None
        if fence or place == len(lines) or (not line.strip() and not in_code):
            found[open_at:place] = ["\n".join(lines[open_at:place])[:MAX_AROUND]] * (place - open_at)
            open_at, in_code = place + 1, in_code != fence
    return found


def _sentences(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Sentences over wrapped lines, each with the line in which it begins."""
    text, begun, at = "", list[tuple[int, int]](), 0
    for number, line in lines:
        begun.append((len(text), number))
        text += f"{line.strip() if text else line} "
    for end in [*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)]:
        if text[at:end].strip():
            yield max(number for place, number in begun if place <= at), text[at:end].rstrip()
        at = end


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
