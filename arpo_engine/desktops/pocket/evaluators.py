"""Scoring in OSWorld's form, `func(result, expected)`, over what the pocket desktop has saved. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from arpo_engine.contract.actions import Fail, SingleAction
from arpo_engine.contract.errors import EvaluatorError
from arpo_engine.contract.tasks import Evaluator, Task

Values = dict[str, Any]
"""Stored values by path, as `Saved.flat` gives them."""

IN_SIGHT = "app"
"""The path of what is merely looked at; it is never a side effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that a score is made from."""

    before: Values
    after: Values


def score(task: Task, outcome: Outcome, last_action: SingleAction | None) -> float:
    """1.0 when the task is done and nothing else has changed, else 0.0.

    Raises:
        EvaluatorError: the task asks for a function or a getter that does not exist here, or in a wrong form.
    """
    said_impossible = isinstance(last_action, Fail)
    if task.infeasible or said_impossible:
        return float(task.infeasible and said_impossible)
    verdicts = [func(result, expected) for func, result, expected in _checks(task.evaluator, outcome)]
    if task.evaluator.conj not in ("and", "or"):
        raise EvaluatorError(f"task {task.id}: conj is {task.evaluator.conj!r}; use 'and' or 'or'")
    return float(all(verdicts) if task.evaluator.conj == "and" else any(verdicts))


def only_changes(allowed: Sequence[str], values: Values) -> dict[str, Any]:
    """The evaluator of a task that is done when `values` are stored and nothing beside `allowed` has changed."""
    paths = list(values)
    return {
        "func": [*("equals" for _ in paths), "within"],
        "result": [*({"type": "pocket_value", "path": path} for path in paths), {"type": "pocket_changes"}],
        "expected": [
            *({"type": "rule", "rules": {"expected": values[path]}} for path in paths),
            {"type": "rule", "rules": {"allowed": list(allowed)}},
        ],
        "conj": "and",
    }


def _checks(evaluator: Evaluator, outcome: Outcome) -> list[tuple[Callable[[Any, Values], bool], Any, Values]]:
    names = [evaluator.func] if isinstance(evaluator.func, str) else evaluator.func
    results = [evaluator.result] if isinstance(evaluator.result, dict) else evaluator.result
    expectations = [evaluator.expected] if isinstance(evaluator.expected, dict) else evaluator.expected
    if not names or not len(names) == len(results) == len(expectations):
        raise EvaluatorError(
            f"the evaluator has {len(names)} func, {len(results)} result and {len(expectations)} expected; "
            "give the same number of each, and at least one"
        )
    checks = []
    for name, result, expected in zip(names, results, expectations, strict=True):
        if name not in FUNCTIONS:
            raise EvaluatorError(f"there is no evaluator {name!r} on the pocket desktop; it has {', '.join(FUNCTIONS)}")
        checks.append((FUNCTIONS[name], _get(result, outcome), _rules(expected)))
    return checks


def _get(result: dict[str, Any], outcome: Outcome) -> Any:
    kind = result.get("type")
    if kind not in GETTERS:
        raise EvaluatorError(f"there is no getter {kind!r} on the pocket desktop; it has {', '.join(GETTERS)}")
    return GETTERS[kind](result, outcome)


def _rules(expected: dict[str, Any]) -> Values:
    rules = expected.get("rules")
    if expected.get("type") != "rule" or not isinstance(rules, dict):
        raise EvaluatorError(
            f"expected is {expected!r}; on the pocket desktop it is {{'type': 'rule', 'rules': {{…}}}}"
        )
    return rules


def _value(result: dict[str, Any], outcome: Outcome) -> Any:
    path = result.get("path")
    if path not in outcome.before and path not in outcome.after:
        raise EvaluatorError(f"nothing is stored under {path!r}; paths here are {', '.join(sorted(outcome.before))}")
    return outcome.after.get(path)


def _changes(_result: dict[str, Any], outcome: Outcome) -> list[str]:
    paths = (outcome.before.keys() | outcome.after.keys()) - {IN_SIGHT}
    missing = object()
    return sorted(path for path in paths if outcome.before.get(path, missing) != outcome.after.get(path, missing))


def _equals(result: Any, rules: Values) -> bool:
    if "expected" not in rules:
        raise EvaluatorError("equals needs rules.expected; add it to the task's evaluator")
    return bool(result == rules["expected"])


def _within(result: Any, rules: Values) -> bool:
    """Whether every changed path is an allowed one, or lies under it."""
    if not isinstance(rules.get("allowed"), list) or not isinstance(result, list):
        raise EvaluatorError("within compares the getter pocket_changes with the list rules.allowed; give both")
    return all(any(path == to or path.startswith(f"{to}.") for to in rules["allowed"]) for path in result)


FUNCTIONS: dict[str, Callable[[Any, Values], bool]] = {"equals": _equals, "within": _within}
GETTERS: dict[str, Callable[[dict[str, Any], Outcome], Any]] = {"pocket_value": _value, "pocket_changes": _changes}
