"""Drawing tasks by success rate: weights worked out by hand, nothing starves, and a state that goes on exactly."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from arpo_engine.contract.config.task_choice import EpochsConfig, SuccessRateConfig
from arpo_engine.contract.errors import CheckpointError
from arpo_engine.trainer.curriculum import Curriculum
from arpo_engine.trainer.orders import build_order
from tests.engine.fakes import make_task

TASKS = [make_task(name) for name in ("never", "half", "always", "new")]
COUNTS = {"never": (0, 18), "half": (9, 18), "always": (18, 18)}


def curriculum(seed: int = 0, **settings: float) -> Curriculum:
    made = Curriculum(TASKS, seed, SuccessRateConfig(**settings))
    made.practise(TASKS, COUNTS)
    return made


def names(order: Curriculum, count: int) -> list[str]:
    return [task.id for task in order.take(count)]


def test_the_weight_is_the_variance_of_a_success_with_a_floor():
    weights = {task.id: curriculum(floor=0.06).weight(task) for task in TASKS}
    assert weights["half"] == weights["new"] == 0.25
    # (0 + 1) / (18 + 2) = 0.05, and 0.05 x 0.95 = 0.0475 lies below the floor.
    assert weights["never"] == weights["always"] == 0.06
    assert curriculum().weight(TASKS[0]) == pytest.approx(0.0475)


def test_older_counts_are_worth_less_and_the_newest_ones_whole():
    order = curriculum(memory=0.5)
    order.note({"never": (4, 8)})
    # s = 0.5 x 0 + 4, n = 0.5 x 18 + 8 = 17
    assert order.rate(TASKS[0]) == pytest.approx(5 / 19)
    order.note({"never": (8, 8)})
    assert order.rate(TASKS[0]) == pytest.approx(11 / 18.5)


def test_tasks_that_are_solved_now_and_then_come_first_more_often_and_none_starves():
    order = curriculum(floor=0.05)
    first = Counter(names(order, 1)[0] for _ in range(4000))
    # Weights 0.05, 0.25, 0.05, 0.25 of 0.6 in all.
    for name, share in {"never": 1 / 12, "half": 5 / 12, "always": 1 / 12, "new": 5 / 12}.items():
        assert first[name] / 4000 == pytest.approx(share, abs=0.025)


def test_the_highest_floor_draws_all_tasks_alike():
    order = curriculum(floor=0.25)
    first = Counter(names(order, 1)[0] for _ in range(2000))
    assert min(first.values()) > 420
    assert order.values()["curriculum/effective_tasks"] == pytest.approx(4.0)


def test_the_tasks_of_a_step_differ_as_long_as_there_are_enough():
    order = curriculum()
    assert sorted(names(order, 4)) == ["always", "half", "never", "new"]
    assert Counter(names(order, 6)).most_common(1)[0][1] == 2


def test_a_resumed_curriculum_goes_on_exactly():
    whole, first, second = curriculum(3), curriculum(3), Curriculum(TASKS, 3, SuccessRateConfig())
    expected = [names(whole, 2), names(whole, 2)]
    first.note({"new": (1, 3)}), whole.note({"new": (1, 3)})
    expected += [names(whole, 2) for _ in range(20)]
    begun = [names(first, 2), names(first, 2)]
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert begun + [names(second, 2) for _ in range(20)] == expected


def test_equal_seeds_draw_alike_and_others_otherwise():
    draws = [[names(curriculum(seed), 4) for _ in range(3)] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_its_numbers_say_what_it_does():
    tasks = [*TASKS, make_task("impossible", infeasible=True)]
    order = Curriculum(tasks, 0, SuccessRateConfig(floor=0.0475 + 1e-9))
    assert order.values() == {}
    order.practise(tasks, COUNTS)
    (drawn,) = order.take(1)
    values = order.values()
    assert values["curriculum/tasks_at_floor"] == 2.0
    assert values["curriculum/all_success"] == pytest.approx((0.05 + 0.5 + 0.95 + 0.5) / 4)
    assert values["curriculum/drawn_success"] == (None if drawn.infeasible else order.rate(drawn))


@pytest.mark.parametrize(
    ("saved", "wanted"), [(SuccessRateConfig(), EpochsConfig()), (EpochsConfig(), SuccessRateConfig())]
)
def test_a_checkpoint_of_another_order_is_refused_with_the_cure(saved, wanted):
    state = build_order(TASKS, 0, saved).state_dict()
    with pytest.raises(CheckpointError, match=f"{saved.kind}, and this run has {wanted.kind}.*--no-resume"):
        build_order(TASKS, 0, wanted).load_state_dict(state)
