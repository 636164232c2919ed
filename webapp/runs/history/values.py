"""Values of a query as numbers, moments and lengths of time. Knows letters and a clock; knows no fields and no rows."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from webapp.runs.history.language import Piece, QueryError

UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
LONGEST_S: Final = 100 * 365 * 86400.0
RANGE: Final = ".."


@dataclass(frozen=True, slots=True)
class Bounds:
    """From one value to another, the end itself only where it is `closed`; equal ends are one value."""

    low: float | datetime
    high: float | datetime
    closed: bool = True


def number(piece: Piece) -> float:
    """A finite number; "50%" is 0.5.

    Raises:
        QueryError: it is none.
    """
    text = piece.text.strip()
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise QueryError(f"“{piece.text}” is no number; write one such as 3, 0.5, 1e-6 or 50%.", piece.start, piece.end)
    return value


def as_number(text: str) -> float | None:
    """The number that a text is, or None; for values that may be words as well."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def share(piece: Piece) -> float:
    """A part of one, in [0, 1].

    Raises:
        QueryError: it is none.
    """
    value = number(piece)
    if not 0 <= value <= 1:
        better = f"{value:g}%" if 1 < value <= 100 else None
        raise QueryError(
            f"“{piece.text}” is no share; write one from 0 to 1, or a percentage such as 50%.",
            piece.start, piece.end, better,
        )  # fmt: skip
    return value


def span(piece: Piece) -> float:
    """A length of time in seconds: 90s, 15m, 2h, 1.5d, or several together, 1h30m.

    Raises:
        QueryError: it is none.
    """
    text = piece.text.lower()
    parts = list(_SPAN.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise QueryError(
            f"“{piece.text}” is no length of time; write one such as 90s, 15m, 2h or 3d.",
            piece.start, piece.end, f"{text}h" if as_number(text) else None,
        )  # fmt: skip
    seconds = sum(float(part[1]) * UNITS[part[2]] for part in parts)
    return min(seconds, LONGEST_S)


def moment(piece: Piece, now: datetime) -> Bounds:
    """A moment or a day: 7d is that long ago, 2026-11-01 and today are whole days, in UTC.

    Raises:
        QueryError: it is none.
    """
    text = piece.text.lower()
    if text in ("today", "yesterday"):
        return _day(now.astimezone(UTC) - timedelta(days=text == "yesterday"))
    if _SPAN.match(text):
        then = now - timedelta(seconds=span(piece))
        return Bounds(then, then)
    try:
        if _DAY.fullmatch(text):
            return _day(datetime.fromisoformat(text).replace(tzinfo=UTC))
        then = datetime.fromisoformat(piece.text.upper())
    except (ValueError, OverflowError):
        raise QueryError(
            f"“{piece.text}” is no time; write how long ago (12h, 7d), a day (2026-11-01), or a moment "
            "(2026-11-01T12:30).",
            piece.start, piece.end,
        ) from None  # fmt: skip
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return Bounds(then, then)


def ends_of_range(piece: Piece) -> tuple[Piece, Piece] | None:
    """The two sides of `10..20`, or None for one value."""
    left, found, right = piece.text.partition(RANGE)
    if not found or piece.quoted:
        return None
    if not left or not right:
        raise QueryError(
            f"“{piece.text}” lacks one of its ends; write both (10..20), or use >= or <=.", piece.start, piece.end
        )
    middle = piece.start + len(left)
    return Piece(left, piece.start, middle), Piece(right, middle + len(RANGE), piece.end)


def _day(moment_of_it: datetime) -> Bounds:
    start = datetime.combine(moment_of_it.date(), time(), UTC)
    return Bounds(start, start + timedelta(days=1), closed=False)
