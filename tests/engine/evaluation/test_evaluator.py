"""What counts as success, and what is only told apart."""

from __future__ import annotations

from arpo_engine.contract.outcomes import Split
from arpo_engine.evaluation.attempts import attempt_of, solved
from arpo_engine.evaluation.evaluator import tally
from arpo_engine.runtime.evaluating import summary
from tests.engine.fakes import make_task, make_trajectory

TASKS = [make_task("a"), make_task("b"), make_task("never", infeasible=True)]


def count(*scores: tuple[str, float | None]):
    tasks = {task.id: task for task in TASKS}
    attempts = [
        attempt_of(tasks[name], number, make_trajectory(f"e{number}", score, task=name))
        for number, (name, score) in enumerate(scores)
    ]
    return tally(TASKS, attempts, split=Split.HELD_OUT, step=3)


def test_success_has_its_n_and_its_N_by_task():
    measured = count(("a", 1.0), ("a", 0.0), ("b", 1.0))
    assert (measured.feasible.successes, measured.feasible.attempts, measured.success) == (2, 3, 2 / 3)
    assert measured.by_task == {"a": (1, 2), "b": (1, 1), "never": (0, 0)}


def test_giving_up_rightly_is_counted_apart_so_that_always_giving_up_scores_nothing():
    measured = count(("a", 0.0), ("b", 0.0), ("never", 1.0), ("never", 1.0))
    apart = measured.report.infeasible
    assert (measured.success, apart.successes, apart.attempts) == (0.0, 2, 2)


def test_a_fault_is_no_failure():
    measured = count(("a", 1.0), ("b", None))
    assert (measured.feasible.successes, measured.feasible.attempts, measured.faults) == (1, 1, 1)


def test_nothing_scored_is_no_success_of_zero():
    assert count(("a", None)).success is None


def test_half_a_score_is_no_success():
    assert [solved(make_trajectory("e", score)) for score in (0.5, 0.51)] == [False, True]


def test_the_summary_says_n_of_N():
    assert summary({"train": count(("a", 1.0), ("b", 0.0))}) == "train 1/2 (50%)"
