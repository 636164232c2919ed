"""Verdicts on tasks from what came out of their tries: bounds, faults, infeasible ones, and settings refused."""

from __future__ import annotations

from typing import Any

import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.task_choice import LearnableTasksConfig
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.selection import Choice, Verdict
from arpo_engine.evaluation.attempts import Attempt
from arpo_engine.evaluation.selection import choose, in_words
from tests.engine.fakes import make_task


def judged(successes: int, scored: int, faults: int = 0, *, infeasible: bool = False, **rule: Any) -> Choice:
    scores: list[float | None] = [1.0] * successes + [0.0] * (scored - successes) + [None] * faults
    attempts = [
        Attempt(task_id="t", slot=slot, score=score, fault=None if score is not None else "desktop_lost")
        for slot, score in enumerate(scores)
    ]
    config = LearnableTasksConfig(**{"attempts": 16, **rule})
    return choose([make_task("t", infeasible=infeasible)], attempts, config)


def verdict(successes: int, scored: int, faults: int = 0, **rule: Any) -> Verdict:
    return judged(successes, scored, faults, **rule).tasks[0].verdict


@pytest.mark.parametrize(
    ("successes", "expected"),
    [(0, "never_solved"), (1, "chosen"), (15, "chosen"), (16, "always_solved")],
)
def test_chosen_is_what_is_solved_at_least_once_and_not_always(successes: int, expected: str):
    assert verdict(successes, 16) == expected


def test_the_published_rule_has_no_upper_bound():
    assert verdict(16, 16, success_below=None) == "chosen"
    assert verdict(0, 16, success_below=None) == "never_solved"


@pytest.mark.parametrize(
    ("successes", "expected"),
    [(0, "never_solved"), (4, "too_rarely_solved"), (5, "chosen"), (12, "too_often_solved"), (16, "always_solved")],
)
def test_both_bounds_are_options_and_a_share_at_a_bound_is_outside(successes: int, expected: str):
    assert verdict(successes, 16, success_above=0.25, success_below=0.75) == expected


def test_a_fault_is_no_failure():
    (task,) = judged(8, 8, 8).tasks
    assert (task.successes, task.attempts, task.faults) == (8, 8, 8)
    assert task.verdict is Verdict.ALWAYS_SOLVED
    assert verdict(4, 8, 8) == "chosen"


def test_with_too_few_scores_a_task_could_not_be_measured():
    assert verdict(0, 7, 9) == "not_measured"
    assert verdict(3, 7, 9) == "not_measured"
    assert verdict(3, 7, 9, least_scored=0.4) == "chosen"
    assert verdict(0, 0, 16, least_scored=0.01) == "not_measured"


def test_infeasible_tasks_are_judged_alike_and_counted_apart_or_left_out_untried():
    chosen = judged(3, 16, infeasible=True)
    assert chosen.counts(infeasible=True) == {Verdict.CHOSEN: 1}
    assert chosen.counts(infeasible=False) == {}
    assert in_words(chosen) == "1 of 1 tasks chosen; infeasible: 1 chosen"
    rule = LearnableTasksConfig(infeasible="leave_out")
    left = choose([make_task("t", infeasible=True)], [], rule)
    assert left.tasks[0].verdict is Verdict.LEFT_OUT
    assert left.tasks[0].attempts == left.tasks[0].faults == 0


def test_a_choice_is_told_in_counts():
    tasks = [make_task(name) for name in "abc"]
    scores = {"a": (0.0, 1.0), "b": (0.0, 0.0), "c": (1.0, 1.0)}
    attempts = [
        Attempt(task_id=name, slot=slot, score=score)
        for name, pair in scores.items()
        for slot, score in enumerate(pair)
    ]
    choice = choose(tasks, attempts, LearnableTasksConfig(attempts=2))
    assert [task.task_id for task in choice.chosen] == ["a"]
    assert in_words(choice) == "1 of 3 tasks chosen; 1 never solved, 1 always solved"


def config(**tasks: Any) -> Any:
    return parse_config({"kind": "train", "tasks": tasks})


def test_all_tasks_once_an_epoch_is_the_default():
    assert (config().tasks.selection.kind, config().tasks.order.kind) == ("all", "epochs")


def test_bounds_that_no_task_can_meet_are_refused_with_the_cure():
    with pytest.raises(
        ConfigError, match=r"tasks\.selection\.success_above: no number of successes .* widen the bounds"
    ):
        config(selection={"kind": "learnable", "attempts": 4, "success_above": 0.3, "success_below": 0.4})
    with pytest.raises(ConfigError, match=r"tasks\.selection\.success_above"):
        config(selection={"kind": "learnable", "success_above": 0.9, "success_below": 0.1})


def test_settings_of_a_choice_without_a_choice_are_refused():
    with pytest.raises(ConfigError, match="attempts"):
        config(selection={"kind": "all", "attempts": 4})


def test_tries_that_are_longer_than_the_context_holds_are_refused():
    with pytest.raises(ConfigError, match=r"fewer than tasks\.selection\.max_steps = 30"):
        config(selection={"kind": "learnable", "max_steps": 30})
