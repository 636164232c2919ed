"""`python -m arpo_engine conformance SUITE CASES.json`: our answers beside recorded ones, a line for each case.

`match`, `deviation: <rule>` (docs/fidelity.md tells each) or `MISMATCH`, then how many of each; 1 on any mismatch.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from arpo_engine.conformance.verdict import Case, Suite, Verdict
from arpo_engine.contract.errors import ConfigError

SUITES = {"algorithms": "arpo_engine.conformance.algorithms", "agents": "arpo_engine.conformance.agents"}
OK, MISMATCHED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which suite, and the file of its cases."""
    parser.add_argument("suite", choices=sorted(SUITES), help="what the cases are about")
    parser.add_argument("cases", type=Path, metavar="CASES.json", help="a list of cases, or an object with `cases`")
    parser.add_argument("--quiet", action="store_true", help="print only mismatches and the counts")


def main(arguments: argparse.Namespace) -> int:
    """Judge and print; 1 when any case is a mismatch."""
    cases = read_cases(arguments.cases)
    suite = cast(Suite, importlib.import_module(SUITES[arguments.suite]))
    verdicts = []
    for case in cases:
        verdict = suite.judge(case)
        verdicts.append(verdict)
        if verdict.outcome == "mismatch" or not arguments.quiet:
            print(line_of(verdict))
    for line in counts_of(verdicts):
        print(line)
    return MISMATCHED if any(verdict.outcome == "mismatch" for verdict in verdicts) else OK


def read_cases(file: Path) -> list[Case]:
    """The cases of a file.

    Raises:
        ConfigError: it cannot be read, or holds no cases.
    """
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} cannot be read as JSON ({error}); give a file of cases") from error
    cases = tree.get("cases") if isinstance(tree, dict) else tree
    if not isinstance(cases, list) or not cases:
        raise ConfigError(f"{file} holds no cases; it must be a list of cases, or an object whose `cases` is one")
    for number, case in enumerate(cases, start=1):
        if not isinstance(case, dict):
            raise ConfigError(f"case {number} of {file} is a {type(case).__name__}; each case is an object")
    return cases


def line_of(verdict: Verdict) -> str:
    """One case in one line."""
    match verdict.outcome:
        case "match":
            return f"{verdict.case}  match"
        case "deviation":
            return f"{verdict.case}  deviation: {verdict.rule}"
        case "mismatch":
            return f"{verdict.case}  MISMATCH  {' '.join(verdict.detail.split())}"


def counts_of(verdicts: Sequence[Verdict]) -> list[str]:
    """How many cases match, deviate by each rule, and do not match."""
    outcomes = Counter(verdict.outcome for verdict in verdicts)
    rules = Counter(verdict.rule for verdict in verdicts if verdict.outcome == "deviation")
    return [
        "",
        f"{len(verdicts)} cases: {outcomes['match']} match, {outcomes['deviation']} deviate, "
        f"{outcomes['mismatch']} MISMATCH",
        *(f"  {rule}: {count}" for rule, count in sorted(rules.items())),
    ]
