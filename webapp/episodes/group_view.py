"""One group as a page shows it: a column for each try, aligned by step or by where they part, and what replay did.

Works on rows that were fetched; knows no request and no HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arpo_engine.contract.outcomes import is_solved
from webapp.episodes.before_replay import advantages_before
from webapp.episodes.divergence import parts_at
from webapp.episodes.models import Episode, Group, GroupMember, ReplayInjection, Step
from webapp.episodes.pictures import Picture

Align = Literal["step", "divergence"]
ALIGNS: tuple[Align, ...] = ("step", "divergence")
ROWS_AT_ONCE = 24
"""Rows that are shown first; more are asked for."""
MOST_ROWS = 600
LEAD = 2
"""Steps shown before the place where two part, so that one sees what they had in common."""
Verdict = Literal["all failed", "all passed", "all alike", "rescued", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One step of one try."""

    index: int
    frame: str
    """Hash of the screenshot; empty when none was kept."""
    picture: Picture
    action: dict[str, Any] | None
    problem: str
    parts: bool
    """Here it does something else than the one it is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of all columns; None where a try has no such step."""

    name: str
    cells: tuple[Cell | None, ...]

    @property
    def pictured(self) -> bool:
        """Whether any of them has a screenshot to show, or had one."""
        return any(cell is not None and cell.picture is not Picture.NEVER for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One try in its group."""

    member: GroupMember
    episode: Episode | None
    injection: ReplayInjection | None
    before: float | None
    """Advantage had replay left the group alone; None where nobody knows."""
    parted: int | None
    """Step (from 0) at which it leaves the reference; None where it never does, or for the reference itself."""
    reference: bool
    alike: int
    """Steps that are not shown because all did the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The whole page below its head."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    all_rows: int
    verdict: Verdict
    solved: int
    scored: int
    """Tries of this step with a score; what replay put in is none of them."""
    bar_full: float
    """The largest advantage before or after: bars of this group are drawn to this size."""

    @property
    def pictured(self) -> bool:
        """Whether any row that is shown has a screenshot."""
        return any(row.pictured for row in self.rows)


def steps_of(episodes: Sequence[Episode]) -> dict[int, list[Step]]:
    """The steps of these episodes in order, without what a column does not show."""
    found: dict[int, list[Step]] = {episode.pk: [] for episode in episodes}
    shown = Step.objects.filter(episode__in=list(found)).only(
        "episode_id", "index", "frame", "frame_width", "frame_height", "action", "problem"
    )
    for step in shown.order_by("episode_id", "index"):
        found[step.episode_id].append(step)
    return found


def board(
    group: Group,
    steps: Mapping[int, Sequence[Step]],
    pictures: Mapping[str, Picture],
    align: Align = "step",
    reference: str = "",
    most: int = ROWS_AT_ONCE,
    compares_siblings: bool = False,
) -> Board:
    """The columns and rows of a group whose members and injections were fetched.

    `compares_siblings`: the run's estimator gives equal rewards of a group no advantage at all.
    """
    members = list(group.members.all())
    injections = {one.source_key: one for one in group.injections.all()}
    of = [list(steps.get(member.episode_id, ())) if member.episode_id else [] for member in members]
    first = _reference(members, of, reference)
    parted = _parted(of, first)
    starts = _starts(parted, of, first, align)
    before = advantages_before(members, injections, compares_siblings)
    columns = tuple(
        Column(
            member=member,
            episode=member.episode,
            injection=injections.get(member.episode_key),
            before=before[place],
            parted=parted[place],
            reference=place == first,
            alike=starts[place],
        )
        for place, member in enumerate(members)
    )
    height = max((len(own) - start for own, start in zip(of, starts, strict=True)), default=0)
    rows = tuple(_row(place, align, of, starts, parted, pictures) for place in range(min(height, most, MOST_ROWS)))
    scores = [
        one.episode.score for one in columns if one.episode and one.episode.score is not None and not one.injection
    ]
    return Board(
        columns=columns,
        rows=rows,
        all_rows=height,
        verdict=verdict_of(group, scores),
        solved=sum(map(is_solved, scores)),
        scored=len(scores),
        bar_full=_largest(columns),
    )


def verdict_of(group: Group, scores: Sequence[float]) -> Verdict:
    """Why a group teaches nothing, or that replay made it teach something; empty for an ordinary one."""
    if group.injected:
        return "rescued"
    if not group.zero_gradient:
        return ""
    if scores and all(map(is_solved, scores)):
        return "all passed"
    return "all alike" if any(map(is_solved, scores)) else "all failed"


def _reference(members: Sequence[GroupMember], of: Sequence[Sequence[Step]], asked: str) -> int:
    """The try that others are compared with: the one that is asked for, else the one with the highest advantage."""
    with_steps = [place for place, own in enumerate(of) if own]
    if not with_steps:
        return 0
    named = [place for place in with_steps if members[place].episode_key == asked]
    return named[0] if named else max(with_steps, key=lambda place: (members[place].advantage or 0.0, -place))


def _parted(of: Sequence[Sequence[Step]], first: int) -> list[int | None]:
    actions = [[step.action for step in own] for own in of]
    screen = max((max(step.frame_width, step.frame_height) for own in of for step in own), default=0)
    return [
        parts_at(own, actions[first], screen) if place != first and own else None for place, own in enumerate(actions)
    ]


def _starts(parted: Sequence[int | None], of: Sequence[Sequence[Step]], first: int, align: Align) -> list[int]:
    """The step in each column's first row: 0, or a little before the place where it parts."""
    if align == "step":
        return [0] * len(of)
    earliest = min((place for place in parted if place is not None), default=0)
    ends = [len(own) if parts is None else parts for own, parts in zip(of, parted, strict=True)]
    where = [earliest if place == first else end for place, end in enumerate(ends)]
    lead = min(LEAD, *where) if where else 0
    return [place - lead for place in where]


def _row(
    place: int,
    align: Align,
    of: Sequence[Sequence[Step]],
    starts: Sequence[int],
    parted: Sequence[int | None],
    pictures: Mapping[str, Picture],
) -> Row:
    cells = tuple(_cell(own, starts[column] + place, parted[column], pictures) for column, own in enumerate(of))
    return Row(name=_row_name(place, align), cells=cells)


def _row_name(place: int, align: Align) -> str:
    return f"Step {place + 1}" if align == "step" else f"Row {place + 1}"


def _cell(own: Sequence[Step], place: int, parted: int | None, pictures: Mapping[str, Picture]) -> Cell | None:
    if not 0 <= place < len(own):
        return None
    step = own[place]
    return Cell(
        index=step.index,
        frame=step.frame,
        picture=pictures.get(step.frame, Picture.NEVER),
        action=step.action,
        problem=step.problem,
        parts=parted == place,
    )


def _largest(columns: Sequence[Column]) -> float:
    every = [abs(value) for one in columns for value in (one.before, one.member.advantage) if value is not None]
    return max([*every, 1e-9])
