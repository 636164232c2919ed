"""What counts as a collapse, and what does not."""

from __future__ import annotations

import pytest

from arpo_engine.contract.config.parts import GuardConfig
from arpo_engine.trainer.guard import Guard, Signs


def signs(success: float = 0.5, form: float = 0.0, entropy: float | None = 0.5, *, finite: bool = True) -> Signs:
    return Signs(success=success, format=form, entropy=entropy, finite=finite)


def watch(guard: Guard, *seen: Signs) -> list[str | None]:
    found = [guard.judge(item) for item in seen]
    return [collapse.signal if collapse else None for collapse in found]


def test_a_healthy_policy_is_left_alone():
    assert watch(Guard(GuardConfig()), *[signs(0.1 * number) for number in range(8)]) == [None] * 8


@pytest.mark.parametrize(
    ("bad", "signal"),
    [(signs(form=-0.8), "format"), (signs(entropy=0.001), "entropy"), (signs(success=0.1), "success")],
)
def test_a_whole_window_must_be_bad(bad: Signs, signal: str):
    guard = Guard(GuardConfig(window_steps=3))
    found = watch(guard, signs(), signs(), signs(), bad, bad, bad)
    assert signal in found
    assert found[:4] == [None] * 4


def test_one_bad_step_is_no_collapse():
    assert watch(Guard(GuardConfig(window_steps=4)), *[signs()] * 4, signs(success=0.0), *[signs()] * 3) == [None] * 8


def test_a_number_that_is_not_finite_is_seen_at_once():
    assert watch(Guard(GuardConfig()), signs(finite=False)) == ["not_finite"]


def test_steps_that_taught_nothing_have_no_entropy_and_are_not_judged_by_it():
    assert watch(Guard(GuardConfig(window_steps=2)), *[signs(entropy=None)] * 4) == [None] * 4


def test_switched_off_it_only_sees_what_is_no_number():
    guard = Guard(GuardConfig(enabled=False, window_steps=1))
    assert watch(guard, signs(), signs(form=-1.0, success=0.0), signs(finite=False)) == [None, None, "not_finite"]


def test_after_a_return_the_window_fills_anew():
    guard = Guard(GuardConfig(window_steps=2))
    watch(guard, signs(), signs(), signs(form=-1.0), signs(form=-1.0))
    guard.returned()
    assert watch(guard, signs(form=-1.0)) == [None]


def test_it_may_return_so_often_and_no_more():
    guard = Guard(GuardConfig(max_returns=2))
    guard.returned()
    assert not guard.exhausted
    guard.returned()
    assert guard.exhausted


def test_a_resumed_guard_goes_on_where_it_was():
    first = Guard(GuardConfig(window_steps=2))
    watch(first, signs(0.9), signs(0.9), signs(0.3))
    second = Guard(GuardConfig(window_steps=2))
    second.load_state_dict(first.state_dict())
    assert watch(second, signs(0.3)) == watch(first, signs(0.3)) == ["success"]
