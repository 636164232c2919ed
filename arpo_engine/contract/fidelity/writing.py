"""A fidelity report as Markdown and as plain data for JSON. Writes no files."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from arpo_engine.contract.fidelity.rows import FidelityReport, Row


def as_json(report: FidelityReport) -> dict[str, Any]:
    """For a program."""
    return {
        "subject": report.subject,
        "reference": report.reference,
        "counts": {likeness.value: count for likeness, count in report.counts.items()},
        "rows": [asdict(row) for row in report.rows],
        "notes": list(report.notes),
    }


def as_json_text(report: FidelityReport) -> str:
    """The same as text."""
    return json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n"


def as_markdown(report: FidelityReport) -> str:
    """A document with one table; what came from the subject cannot break it."""
    lines = [f"# Fidelity: {_cell(report.subject)}", "", counted(report), ""]
    lines += [f"Beside {_cell(report.reference)}.", ""] if report.reference else []
    lines += ["| component | verdict | here | published | evidence |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(_cell(part) for part in cells(row)) + " |" for row in report.rows]
    lines += ["", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines).rstrip() + "\n"


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """A row's five columns."""
    where = f"line {', '.join(map(str, row.lines))}: " if row.lines else ""
    return row.component or "–", row.likeness.value, where + row.here, row.published or "–", row.evidence


def counted(report: FidelityReport) -> str:
    """How many rows there are of each verdict, in one line."""
    return ", ".join(f"{count} {likeness.value}" for likeness, count in report.counts.items())


def _cell(text: str) -> str:
    safe = " ".join(text.split()).replace("\\", "\\\\").replace("<", "&lt;")
    return safe.replace("|", "\\|").replace("[", "\\[")
