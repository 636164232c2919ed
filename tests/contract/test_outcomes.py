"""Which score is a success: the one rule that the engine's figures and every page go by."""

from __future__ import annotations

import math

import pytest

from arpo_engine.contract.outcomes import is_solved


@pytest.mark.parametrize(
    ("score", "success"),
    [(1.0, True), (0.51, True), (0.5, False), (0.0, False), (None, False), (math.nan, False)],
)
def test_a_score_above_one_half_is_a_success(score: float | None, success: bool) -> None:
    assert is_solved(score) is success
