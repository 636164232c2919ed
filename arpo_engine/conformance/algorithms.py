"""Judges numeric cases of the reference algorithm (files shaped like tests/data/algo_cases.json), one at a time.

Knows which of our functions answers which of the published ones, and nothing of files and command lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arpo_engine.conformance import replay
from arpo_engine.conformance.arrays import Given, Values, difference, read_inputs
from arpo_engine.conformance.faults import ASKS_GRADIENT, Rule, rule_for
from arpo_engine.conformance.fitting import check_fit
from arpo_engine.conformance.functions import FUNCTIONS
from arpo_engine.conformance.verdict import Case, Verdict
from arpo_engine.contract.errors import ConfigError, GroupTooSmall, Refused, UnfitNumbers, UnknownEstimator

GRADIENT = "grad_log_probs"
PRECISIONS = (("outputs", False), ("outputs_float64", True))
"""Where a case keeps its outputs, and whether they were computed in float64."""
STANDS_FOR: Mapping[type[Refused], frozenset[str]] = {
    GroupTooSmall: frozenset(("AssertionError",)),
    UnknownEstimator: frozenset(("NotImplementedError",)),
    UnfitNumbers: frozenset(("RuntimeError", "IndexError", "ValueError", "ZeroDivisionError")),
}
"""What the published code raises where we refuse. An error of ours without such a name is a crash, never a refusal."""


def judge(case: Case) -> Verdict:
    """Compute our answer and compare.

    Raises:
        ConfigError: the case cannot be understood; the message says why.
    """
    name = str(case.get("name", case.get("id", "unnamed")))
    function = function_of(case)
    if function != replay.FUNCTION and function not in FUNCTIONS:
        known = ", ".join([*FUNCTIONS, replay.FUNCTION])
        return Verdict(case=name, outcome="mismatch", detail=f"no answer to the function {function!r}, only to {known}")
    try:
        if function == replay.FUNCTION:
            found, rule = replay.difference(case), ""
        elif case.get("error"):
            found, rule = _refusal_difference(function, case), ""
        else:
            found, rule = _numeric_difference(function, case)
    except ConfigError as error:
        raise ConfigError(
            f"case {name!r} of {function} cannot be understood ({error}); compare it with a case of "
            "tests/data/algo_cases.json"
        ) from error
    except Exception as crash:  # noqa: BLE001 (whatever our own code raises here is our answer, and it is wrong)
        return Verdict(case=name, outcome="mismatch", detail=f"we crash: {type(crash).__name__}: {crash}")
    if found:
        return Verdict(case=name, outcome="mismatch", detail=found)
    return Verdict(case=name, outcome="deviation" if rule else "match", rule=rule)


def function_of(case: Case) -> str:
    """The published function that a case is about, without what is said beside it.

    Raises:
        ConfigError: it names none, or has no inputs.
    """
    words = str(case.get("function", "")).replace("(", " ").split()
    if not words:
        raise ConfigError(f"case {case.get('name')!r} names no function; give the published one's name")
    if not isinstance(case.get("inputs"), Mapping):
        raise ConfigError(f"case {case.get('name')!r} has no inputs; give a mapping of argument names to values")
    return words[0]


def _numeric_difference(function: str, case: Case) -> tuple[str, str]:
    """What differs, if anything, and the rule of the deviation, if it is one."""
    asked = [(case[key], wide) for key, wide in PRECISIONS if case.get(key) is not None]
    if not asked:
        raise ConfigError(f"case {case.get('name')!r} has neither outputs nor an error; there is nothing to compare")
    rules = set()
    for outputs, wide in asked:
        expected = dict(outputs)
        given = read_inputs(case["inputs"], wide=wide)
        if not wide and GRADIENT in case:
            expected[GRADIENT] = case[GRADIENT]
            given[ASKS_GRADIENT] = True
        # Decided by the input, before there is an answer of ours.
        rule = rule_for(function, given)
        if rule is not None and not difference(expected, _as_asked(rule.answer(given), expected)):
            rules.add(rule.name)
            continue
        found = difference(expected, _as_asked(_ours(function, given, rule), expected))
        if found:
            return f"{'float64' if wide else 'float32'} {found}", ""
    return "", ", ".join(sorted(rules))


def _ours(function: str, given: Given, rule: Rule | None) -> Values:
    try:
        return _answer(function, given)
    except Refused as error:
        named = f", under the rule {rule.name}" if rule is not None else ""
        return {f"a refusal{named} ({error})": float("nan"), "and no number": float("nan")}


def _as_asked(ours: Values, expected: Mapping[str, Any]) -> Values:
    """A gradient is only compared where a case has one."""
    return {name: value for name, value in ours.items() if name != GRADIENT or GRADIENT in expected}


def _refusal_difference(function: str, case: Case) -> str:
    error = case["error"]
    if not isinstance(error, Mapping) or not error.get("type"):
        raise ConfigError(f"error is {str(error)[:60]!r}; write its type and its message")
    wanted = str(error["type"])
    try:
        ours = _answer(function, read_inputs(case["inputs"], wide=False))
    except Refused as refusal:
        usual = STANDS_FOR[type(refusal)]
        return "" if wanted in usual else f"error: {wanted} expected, ours stands for {' or '.join(sorted(usual))}"
    return f"error: {wanted} expected, but our answer is {', '.join(ours)}"


def _answer(function: str, given: Given) -> Values:
    """Our answer, or a refusal of ours by its name."""
    check_fit(function, given)
    return FUNCTIONS[function](given)
