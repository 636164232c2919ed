"""The figures of a set of attempts: what is in which of them, and what is left out."""

from __future__ import annotations

import statistics

import pytest

from arpo_engine.contract.events import ValidationFinished
from arpo_engine.contract.outcomes import Split
from arpo_engine.evaluation.attempts import Attempt
from arpo_engine.evaluation.figures import NO_DOMAIN, figures, report


def tries(task: str, *scores: float | None, domain: str = "os", infeasible: bool = False) -> list[Attempt]:
    return [
        Attempt(
            task_id=task,
            slot=slot,
            score=score,
            domain=domain,
            infeasible=infeasible,
            fault="desktop_lost" if score is None else None,
        )
        for slot, score in enumerate(scores)
    ]


EVERY = [
    *tries("a", 1.0, 0.0, 1.0, 0.0),
    *tries("b", 0.0, 0.0, 0.0, 0.0),
    *tries("c", 1.0, 1.0, 1.0, 1.0, domain="vlc"),
    *tries("never", 1.0, 1.0, 1.0, 1.0, infeasible=True),
]


def test_pass_at_1_is_a_mean_over_trials_with_its_spread():
    found = report(EVERY).feasible
    assert found.pass1_mean == pytest.approx((2 / 3 + 1 / 3 + 2 / 3 + 1 / 3) / 4)
    assert found.pass1_sd == pytest.approx(statistics.stdev([2 / 3, 1 / 3, 2 / 3, 1 / 3]))
    assert (found.tasks, found.trials, found.successes, found.attempts) == (3, 4, 6, 12)
    assert found.interval[0] < found.success == 0.5 < found.interval[1]


def test_pass_at_k_is_a_mean_over_tasks_for_every_power_of_two_and_the_most():
    assert report(EVERY).feasible.pass_at == {
        1: pytest.approx(0.5),
        2: pytest.approx((5 / 6 + 0 + 1) / 3),
        4: pytest.approx(2 / 3),
    }
    assert set(figures(tries("a", *[0.0] * 6)).pass_at) == {1, 2, 4, 6}
    assert figures(tries("a", 1.0)).pass_at == {1: 1.0}


def test_giving_up_rightly_stands_apart_from_every_figure_but_the_mixed_one():
    found = report(EVERY)
    assert (found.infeasible.successes, found.infeasible.attempts) == (4, 4)
    assert found.together.success == pytest.approx(10 / 16)
    assert set(found.domains) == {"os", "vlc"}
    assert (found.domains["os"].successes, found.domains["os"].attempts) == (2, 8)


def test_a_fault_is_no_failure_and_does_not_make_up_a_try():
    found = figures([*tries("a", 1.0, None), *tries("b", None, None), *tries("c", 0.0, 1.0)])
    assert (found.successes, found.attempts, found.faults, found.tasks) == (2, 3, 3, 2)
    assert set(found.pass_at) == {1}
    assert found.pass_at[1] == pytest.approx((1.0 + 0.5) / 2)


def test_nothing_scored_is_no_success_of_zero():
    found = figures(tries("a", None))
    assert (found.success, found.interval, found.pass1_mean, found.pass_at, found.mean_score) == (
        None, None, None, {}, None,
    )  # fmt: skip


def test_graded_scores_count_as_solved_above_a_half_and_their_mean_is_told_too():
    found = figures(tries("a", 0.5, 0.9, 0.4, 0.0))
    assert (found.successes, found.mean_score) == (1, pytest.approx(0.45))


def test_a_task_without_a_domain_has_a_place():
    assert set(report(tries("a", 1.0, domain="")).domains) == {NO_DOMAIN}


def test_figures_come_back_from_the_wire_as_they_were_sent():
    event = ValidationFinished(step=1, split=Split.EVALUATION, successes=6, attempts=12, figures=report(EVERY))
    assert ValidationFinished.model_validate_json(event.model_dump_json()) == event
