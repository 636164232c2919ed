"""A number with its noun, in the one form or the other. Knows English, and nothing that is counted."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 task", "2 tasks"; `plural` where it is more than an s behind: `counted(3, "try", "tries")`."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
