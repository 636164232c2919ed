"""A stretch of a curve as columns, and each place of it as a sample. Knows numbers and times; knows no database.

Charts read columns: a list for each value costs a tenth of an object for each place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final

NAN: Final = 1
PLUS_INF: Final = 2
MINUS_INF: Final = 4
ODD_WORDS: Final = {NAN: "NaN", PLUS_INF: "+Inf", MINUS_INF: "−Inf"}
"""What stood where no finite number did, by bit; a bucket holds the bits of all its points."""

Number = float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One place on a curve: a single point (then all values are equal), or what a bucket of steps amounts to.

    All values are None where the engine had no finite number; `gaps` counts such points.
    """

    step: int
    """The last step in it."""
    at: datetime
    mean: Number
    minimum: Number
    maximum: Number
    last: Number
    count: int
    """Finite values in it."""
    gaps: int
    odd: int = 0
    """Bits of `NAN`, `PLUS_INF` and `MINUS_INF`: which of them occurred in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The samples of one attempt, in the order of their steps; all lists are equally long."""

    step: Sequence[int] = ()
    at: Sequence[float] = ()
    """Seconds since 1970 of the latest point in each."""
    mean: Sequence[Number] = ()
    minimum: Sequence[Number] = ()
    maximum: Sequence[Number] = ()
    last: Sequence[Number] = ()
    count: Sequence[int] = ()
    gaps: Sequence[int] = ()
    odd: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.step)

    @classmethod
    def of_points(cls, rows: Sequence[tuple[Any, ...]]) -> Columns:
        """Of single points: step, at, value, odd."""
        if not rows:
            return cls()
        step, at, value, odd = zip(*rows, strict=True)
        count = [int(one is not None) for one in value]
        gaps = [1 - one for one in count]
        return cls(
            step=step, at=at, mean=value, minimum=value, maximum=value, last=value, count=count, gaps=gaps, odd=odd
        )

    @classmethod
    def of_buckets(cls, rows: Sequence[tuple[Any, ...]]) -> Columns:
        """Of buckets: step, at, mean, minimum, maximum, last, count, gaps, odd."""
        if not rows:
            return cls()
        step, at, mean, minimum, maximum, last, count, gaps, odd = zip(*rows, strict=True)
        return cls(
            step=step, at=at, mean=mean, minimum=minimum, maximum=maximum, last=last, count=count, gaps=gaps, odd=odd
        )

    def followed_by(self, other: Columns) -> Columns:
        """These samples, then those."""
        if not len(other) or not len(self):
            return self if len(self) else other
        names = self.__dataclass_fields__
        return Columns(**{name: (*getattr(self, name), *getattr(other, name)) for name in names})

    def cut(self, first: int, end: int) -> Columns:
        """The samples from `first` up to, but without, `end`."""
        if (first, end) == (0, len(self)):
            return self
        names = self.__dataclass_fields__
        return Columns(**{name: getattr(self, name)[first:end] for name in names})

    def samples(self) -> tuple[Sample, ...]:
        """Each place as an object, for who reads few of them."""
        return tuple(
            Sample(
                step=self.step[place],
                at=datetime.fromtimestamp(self.at[place], UTC),
                mean=self.mean[place],
                minimum=self.minimum[place],
                maximum=self.maximum[place],
                last=self.last[place],
                count=self.count[place],
                gaps=self.gaps[place],
                odd=self.odd[place],
            )
            for place in range(len(self))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one attempt contributed; a later attempt that began below its end supersedes the rest."""

    attempt: int
    first_step: int
    columns: Columns = field(default_factory=Columns)
    superseded_from: int | None = None
    """First step that a later attempt did again; the points from there on are kept, but not shown."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Its places as objects."""
        return self.columns.samples()


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One key's series of one run."""

    key: str
    segments: tuple[Segment, ...]
    width: int
    """Steps per sample; 1 when every point is there."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All segments in one line."""
        return tuple(sample for segment in self.segments for sample in segment.samples)

    @property
    def columns(self) -> Columns:
        """All segments in one line, as columns."""
        parts = [segment.columns for segment in self.segments if len(segment.columns)]
        return reduce(Columns.followed_by, parts, Columns())

    def __len__(self) -> int:
        return sum(len(segment.columns) for segment in self.segments)


def odd_bit(value: float | None) -> int:
    """The bit of a value that is no finite number; 0 for one that is, and for None, where nothing more is known."""
    if value is None or math.isfinite(value):
        return 0
    if math.isnan(value):
        return NAN
    return PLUS_INF if value > 0 else MINUS_INF


def odd_words(bits: int) -> str:
    """ "NaN and +Inf" of the bits; "no number" where it is not known what stood there."""
    return " and ".join(word for bit, word in ODD_WORDS.items() if bits & bit) or "no number"


def finite_of(values: Iterable[Number]) -> list[float]:
    """The numbers among them, in order."""
    return [value for value in values if value is not None]


def finite(value: float | None) -> float | None:
    """The value, or None where it is not a finite number; one NaN must not break an average or a page."""
    return value if value is not None and math.isfinite(value) else None
