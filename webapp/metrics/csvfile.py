"""A chart's numbers as a CSV file: every point while they are few, buckets when they are many. Knows curves only."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from webapp.metrics.charts import Chart
from webapp.metrics.columns import Curve, odd_words

CSV_POINTS: Final = 50_000
"""Of one curve; a longer one is written in buckets, and `steps_in_row` says how wide they are."""
HEAD: Final = (
    "run", "key", "attempt", "step", "time_utc", "mean", "min", "max", "last", "values", "not_finite", "steps_in_row",
)  # fmt: skip


class _Line:
    """What a csv writer writes to: hands each line on as it is."""

    def write(self, line: str) -> str:
        return line


def csv_lines(run_id: str, chart: Chart, curves: Mapping[str, Curve]) -> Iterator[str]:
    """The file line by line, its head first."""
    writer = csv.writer(_Line())
    yield writer.writerow(HEAD)
    for line in chart.lines:
        curve = curves.get(line.key)
        if curve is None:
            continue
        for segment in curve.segments:
            columns = segment.columns
            rows = zip(
                columns.step, columns.at, columns.mean, columns.minimum, columns.maximum, columns.last, columns.count,
                columns.gaps, columns.odd, strict=True,
            )  # fmt: skip
            for step, at, mean, low, high, last, count, gaps, odd in rows:
                moment = datetime.fromtimestamp(at, UTC).isoformat()
                missing = odd_words(odd) if gaps else ""
                numbers = (mean, low, high, last, count, missing)
                yield writer.writerow((run_id, inert(line.key), segment.attempt, step, moment, *numbers, curve.width))


def inert(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
