"""A document's claims about its pipeline, each judged by the first reader that understands it. Opens no files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arpo_engine.conformance.fidelity.judges import Answer, Said
from arpo_engine.conformance.fidelity.readers import READERS
from arpo_engine.conformance.fidelity.statements import Side, Statement, statements_of
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.fidelity.components import infeasible_fault
from arpo_engine.contract.fidelity.rows import FidelityReport, Likeness, Row

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
    alike: list[Statement] = []
    quiet = 0
    for statement in statements_of(text):
        read = list(_read(statement))
        for component, said, answer in read:
            found.setdefault((component, statement.side, said.casefold()), (answer, []))[1].append(statement.line)
        if not read and statement.is_claim:
            if statement.says_alike:
                alike.append(statement)
            else:
                unread.append(_unread(statement))
        quiet += not read and not statement.is_claim
    if not found:
        raise ConfigError(
            f"{name} makes no claim about a training pipeline that can be read; give a Markdown document with a table, "
            "a list or a command that names values, such as `| Optimizer | AdamW | AdamW |` or env.max_steps=16"
        )
    rows = [_row(key, answer, lines) for key, (answer, lines) in found.items()]
    rows += [*_likeness_as_a_whole(alike, rows), *_omitted(text)]
    rows = sorted([*rows, *unread], key=lambda row: _ORDER.index(row.likeness))
    notes = (
        (f"{quiet} further lines say no value and no likeness, so there is nothing in them to check",) if quiet else ()
    )
    return FidelityReport(subject=name, rows=tuple(rows), notes=notes)


def _likeness_as_a_whole(alike: list[Statement], rows: list[Row]) -> Iterator[Row]:
    """Statements that all is as it is there, without a value: judged by the values of the same document."""
    if not alike:
        return
    apart = [row for row in rows if row.likeness is Likeness.DIFFERENT]
    named = ", ".join(dict.fromkeys(f"{row.component} (line {row.lines[0]})" for row in apart if row.lines))
    more = f", and {len(alike) - 1} more of the kind" if len(alike) > 1 else ""
    yield Row(
        component="likeness as a whole",
        likeness=Likeness.DIFFERENT if apart else Likeness.UNCHECKED,
        here=_quoted(alike[0]) + more,
        published="",
        evidence=f"the document's own values are not the published ones: {named}"
        if apart
        else "no value of the document speaks against it; whether files are equal only their own contents tell",
        lines=tuple(sorted({one.line for one in alike})),
    )


def _read(statement: Statement) -> Iterator[tuple[str, str, Answer]]:
    """What the readers understand of a statement; no letter of it is read twice."""
    left = statement.whole[:MAX_LINE]
    for reader in READERS:
        for match in list(reader.pattern.finditer(left)):
            said = next(group for group in match.groups() if group)
            answer = reader.judge(Said(value=said, side=statement.side, around=statement.around or statement.whole))
            yield reader.component, said, answer
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
    return Row(
        component="",
        likeness=Likeness.UNCHECKED,
        here=_quoted(statement),
        published="",
        evidence="no reader understands it; look at it yourself",
        lines=(statement.line,),
    )


def _quoted(statement: Statement) -> str:
    said = statement.whole
    return said if len(said) <= _LONGEST_QUOTE else f"{said[:_LONGEST_QUOTE]}…"


def _omitted(text: str) -> Iterator[Row]:
    """What such a document should say and does not: it decides what its numbers mean."""
    fault = infeasible_fault()
    told = re.search(r"\binfeasible\b|\bimpossible\b", text, re.IGNORECASE)
    yield Row(
        component="infeasible tasks",
        likeness=Likeness.UNCHECKED if told else Likeness.DIFFERENT,
        here="mentioned" if told else "(not mentioned)",
        published=fault.what,
        evidence=f"{fault.place}; count them apart, or leave them out with tasks.infeasible = leave_out",
    )
