"""The learning rate, the order of tasks, and the wish to stop."""

from __future__ import annotations

import pytest

from arpo_engine.contract.config.parts import OptimizerConfig
from arpo_engine.contract.outcomes import Directive
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.trainer.schedule import learning_rate
from arpo_engine.trainer.stop import StopSwitch
from arpo_engine.trainer.task_order import TaskOrder, peek
from tests.engine.fakes import make_task


def rates(decay: str) -> list[float]:
    config = OptimizerConfig(lr=1.0, warmup_steps=2, decay=decay, min_lr_ratio=0.1)
    return [learning_rate(config, step, 6) for step in range(1, 8)]


def test_the_rate_warms_up_and_then_stays():
    assert rates("constant") == [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_a_linear_decay_ends_at_the_lowest_rate_and_stays_there():
    assert rates("linear") == pytest.approx([0.5, 1.0, 0.775, 0.55, 0.325, 0.1, 0.1])


def test_a_cosine_decay_is_half_way_down_in_the_middle():
    assert rates("cosine")[3] == pytest.approx(0.55)
    assert rates("cosine")[5:] == pytest.approx([0.1, 0.1])


def test_no_warm_up_begins_at_the_full_rate():
    config = OptimizerConfig(lr=1.0, warmup_steps=0, decay="constant")
    assert learning_rate(config, 1, 10) == 1.0


def names(order: TaskOrder, count: int) -> list[str]:
    return [task.id for task in order.take(count)]


def test_every_task_comes_once_an_epoch_in_another_order():
    order = TaskOrder([make_task(f"t{number}") for number in range(6)], seed=0)
    first, second = names(order, 6), names(order, 6)
    assert sorted(first) == sorted(second)
    assert first != second


def test_a_resumed_order_goes_on_across_the_end_of_an_epoch():
    tasks = [make_task(f"t{number}") for number in range(5)]
    whole, first, second = TaskOrder(tasks, 1), TaskOrder(tasks, 1), TaskOrder(tasks, 1)
    expected = names(whole, 14)
    begun = names(first, 7)
    second.load_state_dict(first.state_dict())
    assert begun + names(second, 7) == expected


def test_looking_at_the_next_tasks_takes_none_of_them_even_across_an_epoch():
    order, other = (TaskOrder([make_task(f"t{number}") for number in range(5)], seed=0) for _ in range(2))
    assert names(order, 3) == names(other, 3)
    assert [task.id for task in peek(order, 4)] == names(other, 4)
    assert order.state_dict() == {"epoch": 0, "place": 3}
    names(order, 4)
    assert names(order, 2) == names(other, 2)


def test_a_task_set_that_shrank_is_no_obstacle_to_resuming():
    order = TaskOrder([make_task("only")], seed=0)
    order.load_state_dict({"epoch": 2, "place": 40})
    assert names(order, 2) == ["only", "only"]


def test_the_first_wish_to_stop_stays():
    sink = MemorySink()
    stop = StopSwitch(sink, minutes=None)
    assert stop.halt() is None
    stop.ask("by hand")
    sink.directive = Directive.PAUSE
    assert stop.halt().reason == "by hand"


def test_a_directive_is_heard_even_if_it_is_taken_back():
    sink = MemorySink()
    stop = StopSwitch(sink, minutes=None)
    sink.directive = Directive.STOP_GRACEFULLY
    assert stop.halt().kind == "stop"
    sink.directive = Directive.RUN
    assert stop.halt().kind == "stop"


def test_the_published_schedule_begins_at_zero_and_so_skips_its_first_step():
    config = OptimizerConfig(lr=1.0, warmup_steps=2, decay="constant", warmup="from_zero")
    assert [learning_rate(config, step, 6) for step in range(1, 5)] == [0.0, 0.5, 1.0, 1.0]


def test_a_schedule_that_begins_at_zero_reaches_its_peak_before_it_decays():
    config = OptimizerConfig(lr=1.0, warmup_steps=2, decay="linear", min_lr_ratio=0.0, warmup="from_zero")
    assert [learning_rate(config, step, 6) for step in range(1, 6)] == [0.0, 0.5, 1.0, 0.75, 0.5]


def test_a_warm_up_may_be_a_share_of_the_run():
    config = OptimizerConfig(lr=1.0, warmup_steps=99, warmup_ratio=0.25, decay="constant")
    assert [learning_rate(config, step, 11) for step in range(1, 4)] == [0.5, 1.0, 1.0]
    none = OptimizerConfig(lr=1.0, warmup_ratio=0.05, decay="constant", warmup="from_zero")
    assert learning_rate(none, 1, 11) == 1.0
