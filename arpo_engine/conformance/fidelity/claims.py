"""A document's claims about its pipeline, each judged by the first reader that understands it. Opens no files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arpo_engine.conformance.fidelity.judges import Answer
from arpo_engine.conformance.fidelity.readers import READERS
from arpo_engine.conformance.fidelity.rows import FidelityReport, Likeness, Row
from arpo_engine.conformance.fidelity.statements import Side, Statement, statements_of
from arpo_engine.contract.config.verl import faults_of
from arpo_engine.contract.config.verl.published_run import published_run
from arpo_engine.contract.errors import ConfigError

MAX_LINE = 2_000
"""Characters of a line that are read; tables and commands have some hundred."""
_LONGEST_QUOTE = 90
_ORDER = (Likeness.DIFFERENT, Likeness.ADAPTED, Likeness.SAME, Likeness.UNCHECKED)
_Key = tuple[str, Side, str]


def check_claims(text: str, name: str) -> FidelityReport:
    """Judge a document.

    Raises:
        ConfigError: nothing in it is a claim about the pipeline that any reader understands.
    """
    found: dict[_Key, tuple[Answer, list[int]]] = {}
    unread: list[Row] = []
    quiet = 0
    for statement in statements_of(text):
        read = list(_read(statement))
        for component, said, answer in read:
            found.setdefault((component, statement.side, said.casefold()), (answer, []))[1].append(statement.line)
        if not read and statement.is_claim:
            unread.append(_unread(statement))
        quiet += not read and not statement.is_claim
    if not found:
        raise ConfigError(
            f"{name} makes no claim about a training pipeline that can be read; give a Markdown document with a table, "
            "a list or a command that names values, such as `| Optimizer | AdamW | AdamW |` or env.max_steps=16"
        )
    rows = [_row(key, answer, lines) for key, (answer, lines) in found.items()]
    rows += _omitted(text)
    rows = sorted([*rows, *unread], key=lambda row: _ORDER.index(row.likeness))
    notes = (
        (f"{quiet} further lines say no value and no likeness, so there is nothing in them to check",) if quiet else ()
    )
    return FidelityReport(subject=name, rows=tuple(rows), notes=notes)


def _read(statement: Statement) -> Iterator[tuple[str, str, Answer]]:
    """What the readers understand of a statement; no letter of it is read twice."""
    left = statement.whole[:MAX_LINE]
    for reader in READERS:
        for match in list(reader.pattern.finditer(left)):
            said = next(group for group in match.groups() if group)
            yield reader.component, said, reader.judge(said, statement.side)
            left = left[: match.start()] + "\0" * (match.end() - match.start()) + left[match.end() :]


def _row(key: _Key, answer: Answer, lines: list[int]) -> Row:
    component, side, said = key
    whose = "" if side is Side.UNSAID else f" (said of {side.value})"
    return Row(
        component=component,
        likeness=answer.likeness,
        here=f"{said}{whose}",
        published=answer.published,
        evidence=answer.evidence,
        lines=tuple(sorted(set(lines))),
    )


def _unread(statement: Statement) -> Row:
    said = statement.whole
    return Row(
        component="",
        likeness=Likeness.UNCHECKED,
        here=said if len(said) <= _LONGEST_QUOTE else f"{said[:_LONGEST_QUOTE]}…",
        published="",
        evidence="no reader understands it; look at it yourself",
        lines=(statement.line,),
    )


def _omitted(text: str) -> Iterator[Row]:
    """What such a document should say and does not: it decides what its numbers mean."""
    fault = next(fault for fault in faults_of(published_run().reading) if fault.name.startswith("infeasible"))
    told = re.search(r"\binfeasible\b|\bimpossible\b", text, re.IGNORECASE)
    yield Row(
        component="infeasible tasks",
        likeness=Likeness.UNCHECKED if told else Likeness.DIFFERENT,
        here="mentioned" if told else "(not mentioned)",
        published=fault.what,
        evidence=f"{fault.place}; count them apart, or leave them out with tasks.infeasible = leave_out",
    )
