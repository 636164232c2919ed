"""What a matrix is made of, and the orders that its rows can stand in. Pure: knows no database and no HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from webapp.analysis.estimates import bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One task in one column. `tries` are scored ones, and lost ones too where those count as failures."""

    successes: int
    tries: int
    faults: int = 0
    """Tries that something around the agent ended."""
    lost: int = 0
    """Those among them that were not made good by another try."""
    in_replay: int = 0
    """Successes of the task that the replay buffer holds."""

    @property
    def rate(self) -> float | None:
        """Successes over tries; None where nothing was tried."""
        return self.successes / self.tries if self.tries else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the rate."""
        return bounds(self.successes, self.tries) if self.tries else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of a row."""

    task_id: str
    instruction: str = ""
    domain: str = ""
    infeasible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One task in every column; None where it was never begun."""

    task: Task
    cells: tuple[Cell | None, ...]

    @property
    def tried(self) -> list[Cell]:
        """The cells with a rate, in the order of the columns."""
        return [cell for cell in self.cells if cell is not None and cell.tries]

    @property
    def successes(self) -> int:
        """Over all columns."""
        return sum(cell.successes for cell in self.tried)

    @property
    def tries(self) -> int:
        """Over all columns."""
        return sum(cell.tries for cell in self.tried)


def disagreement(row: Row) -> tuple[float, float]:
    """How far the columns are apart: first the gap between two intervals that do not touch (0 where all overlap), then
    the distance between the highest and the lowest rate."""
    rates = [cell.successes / cell.tries for cell in row.tried]
    if len(rates) < 2:
        return (-1.0, 0.0)
    ends = [bounds(cell.successes, cell.tries) for cell in row.tried]
    gap = max(low for low, _ in ends) - min(high for _, high in ends)
    return (max(0.0, gap), max(rates) - min(rates))


def regression(row: Row) -> float:
    """How far the last column fell below the best one before it; negative where it rose."""
    rates = [cell.successes / cell.tries for cell in row.tried]
    if len(rates) < 2 or row.cells[-1] is None or not row.cells[-1].tries:
        return -2.0
    return max(rates[:-1]) - rates[-1]


def variance(row: Row) -> float:
    """Mean of p (1 - p): largest for a task that is solved half of the time, of which most can be learnt."""
    rates = [cell.successes / cell.tries for cell in row.tried]
    return sum(p * (1 - p) for p in rates) / len(rates) if rates else -1.0


def never_solved(row: Row) -> tuple[int, float, int]:
    """Tasks that were tried and never solved, the most tried ones first; then the others from the hardest on."""
    if not row.tries:
        return (0, 0.0, 0)
    return (2 if row.successes == 0 else 1, -row.successes / row.tries, row.tries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One way to order the rows."""

    title: str
    story: str
    score: Callable[[Row], float | tuple[float, ...]] | None
    """The highest stands first; None: by the task's name."""


ORDERS: Final[dict[str, Order]] = {
    "disagreement": Order(
        title="Disagreement",
        story="First those where the 95 % intervals of two columns do not touch, the widest gap on top; then those "
        "whose rates are furthest apart.",
        score=disagreement,
    ),
    "regression": Order(
        title="Regression",
        story="First those that an earlier column solved more often than the last one does.",
        score=regression,
    ),
    "variance": Order(
        title="Variance",
        story="First those that are solved about half of the time: siblings that differ have a gradient.",
        score=variance,
    ),
    "never_solved": Order(
        title="Never solved",
        story="First those that no column ever solved, the most tried ones on top; then from the hardest on.",
        score=never_solved,
    ),
    "task": Order(title="Task", story="By name.", score=None),
}


def ordered(rows: Sequence[Row], order: str) -> list[Row]:
    """The rows in one of `ORDERS`; those that are equal there stand by name."""
    by_name = sorted(rows, key=lambda row: row.task.task_id)
    score = ORDERS[order].score
    return by_name if score is None else sorted(by_name, key=score, reverse=True)


def totals(rows: Sequence[Row], columns: int) -> tuple[Cell, ...]:
    """Each column over all rows."""
    return tuple(_sum([row.cells[place] for row in rows]) for place in range(columns))


def shared(rows: Sequence[Row]) -> list[Row]:
    """Rows that every column tried."""
    return [row for row in rows if all(cell is not None and cell.tries for cell in row.cells)]


def domains_of(tasks: Mapping[str, Task]) -> list[str]:
    """The domains that occur, in order."""
    return sorted({task.domain for task in tasks.values() if task.domain})


def _sum(cells: Sequence[Cell | None]) -> Cell:
    there = [cell for cell in cells if cell is not None]
    return Cell(
        successes=sum(cell.successes for cell in there),
        tries=sum(cell.tries for cell in there),
        faults=sum(cell.faults for cell in there),
        lost=sum(cell.lost for cell in there),
        in_replay=sum(cell.in_replay for cell in there),
    )
