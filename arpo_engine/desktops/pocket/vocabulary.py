"""Every word that the pocket desktop shows, asks for or answers with. Knows no Qt and no layout.

The words that tasks are about come in two disjoint pools: training tasks use one, held-out tasks only the other, so
that a held-out success is never a remembered word. Both pools stand on the screen as each other's distractors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PoolName = Literal["train", "held_out"]

APPS = ("Setup", "Notes", "Files", "Mail", "Table")
HOME = "Home"
BUTTONS = ("Save", "Clear", "Open", "Rename", "Delete", "Send", "Close", "Yes", "No", "OK", "Cancel")
FIELDS = ("Text", "To", "About", "Name", "Copy", "Level", "Color")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The words that the tasks of one split are about."""

    options: tuple[str, ...]
    files: tuple[str, ...]
    people: tuple[str, ...]
    texts: tuple[str, ...]
    colors: tuple[str, ...]
    levels: tuple[str, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[str, ...]


TRAIN = Pool(
    options=("WiFi", "Sync", "Dark", "Mute", "Lock"),
    files=("cat", "map", "song", "plan", "bird"),
    people=("Eve", "Bob", "Ann", "Tim"),
    texts=("tea", "sun", "rain", "milk", "cake"),
    colors=("red", "blue", "pink", "gold"),
    levels=("1", "3", "5"),
    rows=("Rome", "Oslo", "Bern", "Lima"),
    columns=("Jan", "Feb", "Mar"),
    values=("20", "30", "40", "50"),
)
HELD_OUT = Pool(
    options=("Zoom", "Alarm", "Radio", "Flash", "Night"),
    files=("dog", "key", "film", "tax", "moon"),
    people=("Max", "Joe", "Amy", "Leo"),
    texts=("rice", "snow", "wind", "lamp", "book"),
    colors=("teal", "lime", "gray", "navy"),
    levels=("2", "4"),
    rows=("Paris", "Cairo", "Tokyo", "Delhi"),
    columns=("Jul", "Sep", "Nov"),
    values=("60", "70", "80", "90"),
)
POOLS: dict[PoolName, Pool] = {"train": TRAIN, "held_out": HELD_OUT}

LEVELS = ("1", "2", "3", "4", "5")

INSTRUCTION_WORDS = (
    "Turn", "turn", "on", "off", "and", "Set", "set", "to", "Write", "write", "note", "Clear", "Change", "Open", "open",
    "file", "app", "Delete", "delete", "Rename", "Send", "mail", "about", "with", "copy", "row",
)  # fmt: skip
"""Words of the instructions that are no parameter."""

THOUGHT_WORDS = ("click", "type", "press", "ctrl", "a", "esc", "done", "impossible")
"""Words of the oracles' thoughts that are no label."""


def pool_words(pool: Pool) -> tuple[str, ...]:
    """All parameters of a pool."""
    return (
        *pool.options, *pool.files, *pool.people, *pool.texts, *pool.colors,
        *pool.levels, *pool.rows, *pool.columns, *pool.values,
    )  # fmt: skip


BADGE_WORDS: tuple[str, ...] = (HOME, *APPS, *BUTTONS, *FIELDS, *pool_words(TRAIN), *pool_words(HELD_OUT))
"""Every word that carries a badge on the screen; its place in this tuple decides how the badge looks."""

VOCABULARY: tuple[str, ...] = tuple(dict.fromkeys((*BADGE_WORDS, *INSTRUCTION_WORDS, *THOUGHT_WORDS)))
"""Every word of screens, instructions and thoughts, once."""
