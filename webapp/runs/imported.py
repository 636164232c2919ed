"""A pasted command of ARPO or EasyR1 as a page shows it. Knows words and numbers; knows no request and no row.

Only an admin may bring a model's own code in: for anybody else that key is refused, and the form leaves it off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from arpo_engine.contract.config.verl import (
    Fault,
    Finding,
    Imported,
    Plan,
    Verdict,
    cautions_of,
    faults_of,
    import_verl,
    plan_of,
)
from arpo_engine.contract.errors import ConfigError
from webapp.runs.forms import MAX_YAML_BYTES, PastedYamlError

LONGEST_VALUE = 160
TONES = {Verdict.MAPPED: "good", Verdict.ADAPTED: "warn", Verdict.INERT: "", Verdict.REFUSED: "bad"}
_ORDER = (Verdict.REFUSED, Verdict.MAPPED, Verdict.ADAPTED, Verdict.INERT)
_REMOTE_CODE = "model.trust_remote_code"
_ADMINS_ONLY = (
    "code that comes with a model runs on the machines of the team, and from the web only an admin may ask for it; "
    "ask one, or write false"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One key of the table."""

    verdict: str
    tone: str
    key: str
    value: str
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPage:
    """The answer to a pasted command."""

    rows: tuple[KeyRow, ...]
    counts: tuple[tuple[str, str, int], ...]
    """(verdict, tone, how many)."""
    refused: int
    tree: dict[str, Any]
    """What the form is filled with."""
    notes: tuple[str, ...]
    others: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]
    plan: Plan | None
    cautions: tuple[str, ...]


def import_command(text: str, base: str, *, by_admin: bool) -> ImportedPage:
    """Import a pasted command; `base` is the YAML file that it names with `config=`, if that was pasted too.

    Raises:
        PastedYamlError: the text cannot be used at all; it says why and what to do.
    """
    size = len(text.encode()) + len(base.encode())
    if size > MAX_YAML_BYTES:
        raise PastedYamlError(
            f"The pasted text has {size // 1024} kB; paste at most {MAX_YAML_BYTES // 1024} kB, only the "
            "training command."
        )
    try:
        imported = import_verl(text, read_file=lambda name: _pasted_file(name, base))
    except ConfigError as error:
        raise PastedYamlError(f"This could not be imported: {error}.") from error
    findings = tuple(finding if by_admin else _without_remote_code(finding) for finding in imported.findings)
    return _page(imported, findings)


def _pasted_file(name: str, base: str) -> str | None:
    return base if base.strip() and name.endswith((".yaml", ".yml")) else None


def _without_remote_code(finding: Finding) -> Finding:
    if finding.sets.get(_REMOTE_CODE) is not True:
        return finding
    return replace(finding, verdict=Verdict.REFUSED, note=_ADMINS_ONLY, sets={_REMOTE_CODE: False})


def _page(imported: Imported, findings: tuple[Finding, ...]) -> ImportedPage:
    config = imported.config
    tree = config.model_dump(mode="json") if config is not None else dict(imported.tree)
    refused = sum(finding.verdict is Verdict.REFUSED for finding in findings)
    if refused > len(imported.refused):
        tree["model"] = {**tree["model"], "trust_remote_code": False}
    return ImportedPage(
        rows=tuple(_rows(findings)),
        counts=tuple(
            (verdict.value, TONES[verdict], sum(finding.verdict is verdict for finding in findings))
            for verdict in Verdict
        ),
        refused=refused,
        tree=tree,
        notes=imported.notes,
        others=imported.others,
        problems=imported.problems,
        faults=faults_of(imported.reading),
        plan=plan_of(config, imported.reading) if config is not None else None,
        cautions=cautions_of(config) if config is not None else (),
    )


def _rows(findings: tuple[Finding, ...]) -> Iterator[KeyRow]:
    for verdict in _ORDER:
        for finding in findings:
            if finding.verdict is verdict:
                yield _row(finding)


def _row(finding: Finding) -> KeyRow:
    here = ", ".join(f"{path} = {part}" for path, part in finding.sets.items())
    return KeyRow(
        verdict=finding.verdict.value,
        tone=TONES[finding.verdict],
        key=finding.written[:LONGEST_VALUE],
        value=str(finding.value)[:LONGEST_VALUE],
        becomes="; ".join(text for text in (here, finding.note) if text),
    )
