"""One line of a fidelity report, and the whole of it. Plain data; knows no terminal and no files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Likeness(StrEnum):
    """How something stands to the published pipeline."""

    SAME = "same"
    ADAPTED = "adapted"
    """Meant to be otherwise: a smaller model, another provider, a fault that is mended."""
    DIFFERENT = "different"
    UNCHECKED = "not checked"
    """Said, but nothing here can tell whether it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One component of the pipeline, or one statement about it."""

    component: str
    likeness: Likeness
    here: str
    """The run's value, or what was said."""
    published: str
    evidence: str
    """Where the published value stands, or what a check that was made now gave."""
    lines: tuple[int, ...] = ()
    """For statements: the lines of the document that make it, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityReport:
    """All rows about one subject."""

    subject: str
    """What was looked at, such as a file's name."""
    rows: tuple[Row, ...]
    reference: str = ""
    """What it was laid beside; empty where each row says so itself."""
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[Likeness, int]:
        """How many rows there are of each likeness."""
        found = Counter(row.likeness for row in self.rows)
        return {likeness: found[likeness] for likeness in Likeness}
