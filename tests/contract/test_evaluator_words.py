"""How a task is scored, in words: the functions and what they are given, never the expected values."""

from __future__ import annotations

import pytest

from arpo_engine.contract.tasks import Evaluator


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"func": "infeasible"}, "infeasible"),
        (
            {
                "func": "compare_table",
                "result": {"type": "vm_file"},
                "expected": {"type": "cloud", "path": "x"},
            },
            "compare_table(vm_file, cloud)",
        ),
        (
            {
                "func": ["exact_match", "is_in"],
                "conj": "or",
                "result": [{"type": "url"}, {}],
                "expected": [{"rules": 1}],
            },
            "exact_match(url) or is_in",
        ),
    ],
)
def test_functions_are_named_with_the_kinds_they_read(told: dict[str, object], words: str) -> None:
    assert Evaluator.model_validate(told).words == words
