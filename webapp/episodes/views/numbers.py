"""Numbers of an address: what is none is as good as not there."""

from __future__ import annotations

MOST_DIGITS = 9


def number_of(word: str) -> int | None:
    """A whole number that is not negative; None for anything else."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= MOST_DIGITS else None
