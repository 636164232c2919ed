"""Makes a film: draws one picture after another, and again smaller or sparser while the file is too large."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from arpo_engine.filming.kinds import FilmKind
from arpo_engine.filming.lettering import unknown_letters
from arpo_engine.filming.mp4 import write_mp4
from arpo_engine.filming.reel import Reel, moments, thinned_to
from arpo_engine.filming.sheet import Layout, draw_sheet, layout_of
from arpo_engine.filming.webp import write_webp

STEP_MS: Final = 1200
END_MS: Final = 3600


@dataclass(frozen=True, slots=True)
class Way:
    """One try at a file that is small enough."""

    width: float
    """Of the width that it may have."""
    pictures: float
    """Of the pictures that it may have."""
    rough: int
    """As the writers take it."""


WAYS: Final = (Way(1.0, 1.0, 0), Way(0.75, 1.0, 1), Way(0.5, 0.5, 2), Way(0.4, 0.2, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a film may grow to."""

    width: int = 1920
    """Pixels."""
    size: int = 10_000_000
    """Bytes."""
    pictures: int = 120
    """Moments that are shown; of longer episodes each n-th step is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmFacts:
    """What came out."""

    width: int
    height: int
    size: int
    """Bytes."""
    pictures: int
    steps: int
    every: int
    """Every how many steps one is shown."""
    missing: int
    """Pictures that were not there, and are cards that say so."""
    unknown_letters: int
    """Different letters that no font of this machine has."""


def make_film(
    reel: Reel,
    target: Path,
    kind: FilmKind,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> FilmFacts:
    """Write the reel as a film; `progress` hears of each picture that was drawn, and of how many there will be.

    While the file is larger than it may be it is made again: smaller, with less detail, then of fewer pictures. What
    the last way gives is kept, whatever its size.

    Raises:
        OSError: the file cannot be written.
    """
    limits = limits or Limits()
    layout, shown = _write(reel, target, kind, limits, WAYS[0], progress)
    for way in WAYS[1:]:
        if target.stat().st_size <= limits.size:
            break
        layout, shown = _write(reel, target, kind, limits, way, progress)
    return _facts(reel, layout, shown, target)


def _write(
    reel: Reel, target: Path, kind: FilmKind, limits: Limits, way: Way, progress: Callable[[int, int], None]
) -> tuple[Layout, list[int]]:
    layout = layout_of(reel, max(2, int(limits.width * way.width)))
    shown = moments(reel.length, max(3, int(limits.pictures * way.pictures)))
    durations = [STEP_MS] * (len(shown) - 1) + [END_MS]
    write = write_webp if kind is FilmKind.WEBP else write_mp4
    write(_sheets(reel, layout, shown, progress), layout.size, durations, target, way.rough)
    return layout, shown


def _facts(reel: Reel, layout: Layout, shown: list[int], target: Path) -> FilmFacts:
    return FilmFacts(
        width=layout.size[0],
        height=layout.size[1],
        size=target.stat().st_size,
        pictures=len(shown),
        steps=reel.length,
        every=thinned_to(shown),
        missing=_missing(reel, shown),
        unknown_letters=unknown_letters(_texts(reel)),
    )


def _sheets(
    reel: Reel, layout: Layout, shown: list[int], progress: Callable[[int, int], None]
) -> Iterator[Image.Image]:
    every = thinned_to(shown)
    note = f" (each {every}{_ending(every)} is shown)" if every > 1 else ""
    for done, at in enumerate(shown):
        sheet = draw_sheet(reel, layout, at, note)
        progress(done + 1, len(shown))
        yield sheet


def _missing(reel: Reel, shown: list[int]) -> int:
    """Pictures among those shown that are not there; the end of each side counts once."""
    places = [(side, at) for side in reel.sides for at in shown if at < len(side.shots)]
    shots = [side.shots[at] for side, at in places] + [side.final for side in reel.sides]
    return sum(shot.picture() is None for shot in shots)


def _texts(reel: Reel) -> Iterator[str]:
    yield reel.instruction
    for side in reel.sides:
        yield from (side.who, side.outcome)
        for shot in side.shots:
            yield from (shot.did, shot.thought)


def _ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
