"""What every desktop provider must keep. A provider's test subclasses `DesktopSuite` and gives the two fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from arpo_engine.contract.actions import Action, Click, Drag, Fail, Finished, Hotkey, Scroll, TypeText, Wait
from arpo_engine.contract.errors import DesktopLost, EvaluatorError, SetupFailed
from arpo_engine.contract.tasks import Evaluator, SetupStep, Task
from arpo_engine.desktops.base import Desktop


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTasks:
    """Tasks that the provider under test can carry out."""

    feasible: Task
    """Not solved by its initial state."""
    other: Task
    """Begins on a different desktop than `feasible`."""
    infeasible: Task


@dataclass(frozen=True, slots=True)
class Effect:
    """What one of `EFFECTIVE` does on the provider under test: in which task, where it is seen, and what is seen."""

    task: Task
    seen: Callable[[Desktop], object]
    expected: object
    at: tuple[int, int] = (200, 150)
    """Where it is done."""
    to: tuple[int, int] = (300, 250)
    """Where a drag ends."""
    first: tuple[Action, ...] = ()
    """What is done before."""


EFFECTIVE: Mapping[str, Callable[[Effect], Action]] = {
    "click": lambda effect: Click(x=effect.at[0], y=effect.at[1]),
    "right_click": lambda effect: Click(x=effect.at[0], y=effect.at[1], button="right"),
    "double_click": lambda effect: Click(x=effect.at[0], y=effect.at[1], count=2),
    "type": lambda effect: TypeText(text="Abc, <x> & 'y'!"),
    "type_unicode": lambda effect: TypeText(text="née 漢字 € „ß“ Ω"),
    "hotkey": lambda effect: Hotkey(keys=("ctrl", "s")),
    "key": lambda effect: Hotkey(keys=("enter",)),
    "scroll": lambda effect: Scroll(x=effect.at[0], y=effect.at[1], direction="down", clicks=3),
    "drag": lambda effect: Drag(x=effect.at[0], y=effect.at[1], to_x=effect.to[0], to_y=effect.to[1]),
}
"""Actions whose effect must arrive in an application."""

EVERY_ACTION: tuple[Action, ...] = (
    Click(x=3, y=3),
    Click(x=3, y=3, button="right"),
    Click(x=3, y=3, count=2),
    Drag(x=3, y=3, to_x=40, to_y=40),
    Scroll(x=3, y=3, direction="down"),
    TypeText(text="née <b> 'x'\n"),
    Hotkey(keys=("ctrl", "a")),
    Hotkey(keys=("esc",)),
    Wait(seconds=0.0),
)


class DesktopSuite:
    @pytest.fixture
    def desktop(self) -> Iterator[Desktop]:
        raise NotImplementedError("yield a desktop of the provider under test and close it")

    @pytest.fixture
    def samples(self) -> SampleTasks:
        raise NotImplementedError("give tasks that the provider under test can carry out")

    @pytest.fixture
    def effects(self) -> Mapping[str, Effect]:
        raise NotImplementedError("say what each of EFFECTIVE does; leave out what no application there can show")

    @pytest.mark.parametrize("name", EFFECTIVE)
    def test_an_action_arrives_in_the_application(
        self, desktop: Desktop, effects: Mapping[str, Effect], name: str
    ) -> None:
        if name not in effects:
            pytest.skip(f"no application of this provider shows the effect of {name}")
        effect = effects[name]
        desktop.reset(effect.task)
        for action in effect.first:
            desktop.step(action)
        before = effect.seen(desktop)
        desktop.step(EFFECTIVE[name](effect))
        assert before != effect.expected
        assert effect.seen(desktop) == effect.expected

    def test_a_fresh_episode_knows_nothing_of_the_last_one(
        self, desktop: Desktop, effects: Mapping[str, Effect]
    ) -> None:
        effect = effects["click"]
        desktop.reset(effect.task)
        fresh = effect.seen(desktop)
        desktop.step(EFFECTIVE["click"](effect))
        assert effect.seen(desktop) != fresh
        desktop.reset(effect.task)
        assert effect.seen(desktop) == fresh

    def test_reset_shows_an_rgb_screenshot(self, desktop: Desktop, samples: SampleTasks) -> None:
        pixels = desktop.reset(samples.feasible).pixels
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3 and pixels.shape[2] == 3
        assert pixels.std() > 0

    def test_the_same_task_begins_with_the_same_screenshot(self, desktop: Desktop, samples: SampleTasks) -> None:
        first = desktop.reset(samples.feasible).pixels
        desktop.step(Click(x=first.shape[1] // 2, y=first.shape[0] // 2))
        desktop.reset(samples.other)
        assert np.array_equal(desktop.reset(samples.feasible).pixels, first)

    def test_another_task_begins_with_another_screenshot(self, desktop: Desktop, samples: SampleTasks) -> None:
        assert not np.array_equal(desktop.reset(samples.feasible).pixels, desktop.reset(samples.other).pixels)

    @pytest.mark.parametrize("action", EVERY_ACTION, ids=lambda action: action.kind)
    def test_every_action_is_answered_with_a_screenshot(
        self, desktop: Desktop, samples: SampleTasks, action: Action
    ) -> None:
        before = desktop.reset(samples.feasible).pixels
        assert desktop.step(action).pixels.shape == before.shape

    def test_an_observation_stays_as_it_was_seen(self, desktop: Desktop, samples: SampleTasks) -> None:
        seen = desktop.reset(samples.feasible).pixels
        kept = seen.copy()
        for action in EVERY_ACTION:
            desktop.step(action)
        desktop.reset(samples.other)
        assert np.array_equal(seen, kept)

    def test_a_click_outside_the_screen_does_nothing(self, desktop: Desktop, samples: SampleTasks) -> None:
        before = desktop.reset(samples.feasible).pixels
        assert np.array_equal(desktop.step(Click(x=-5, y=10**6)).pixels, before)

    def test_waiting_and_ending_change_nothing(self, desktop: Desktop, samples: SampleTasks) -> None:
        before = desktop.reset(samples.feasible).pixels
        for action in (Wait(seconds=0.0), Finished(), Fail()):
            assert np.array_equal(desktop.step(action).pixels, before)

    def test_an_untouched_feasible_task_scores_zero(self, desktop: Desktop, samples: SampleTasks) -> None:
        desktop.reset(samples.feasible)
        assert desktop.score(Finished()) == 0.0
        assert desktop.score(Fail()) == 0.0
        assert desktop.score(None) == 0.0

    def test_an_infeasible_task_scores_only_for_fail(self, desktop: Desktop, samples: SampleTasks) -> None:
        desktop.reset(samples.infeasible)
        assert desktop.score(Fail()) == 1.0
        assert desktop.score(Finished()) == 0.0
        assert desktop.score(None) == 0.0

    def test_an_unknown_setup_step_is_refused_and_the_desktop_lives_on(
        self, desktop: Desktop, samples: SampleTasks
    ) -> None:
        odd = samples.feasible.model_copy(update={"config": [SetupStep(type="no_such_step")]})
        with pytest.raises(SetupFailed, match="no_such_step"):
            desktop.reset(odd)
        desktop.reset(samples.feasible)
        assert desktop.score(Finished()) == 0.0

    @pytest.mark.parametrize(
        "evaluator",
        [
            Evaluator(
                func="no_such_function", result={"type": "no_such_getter"}, expected={"type": "rule", "rules": {}}
            ),
            Evaluator(func=[], result=[], expected=[]),
        ],
        ids=["unknown", "empty"],
    )
    def test_a_task_that_cannot_be_scored_is_an_error_and_no_zero(
        self, desktop: Desktop, samples: SampleTasks, evaluator: Evaluator
    ) -> None:
        desktop.reset(samples.feasible.model_copy(update={"evaluator": evaluator}))
        with pytest.raises(EvaluatorError):
            desktop.score(Finished())

    def test_a_desktop_without_a_task_has_no_score(self, desktop: Desktop) -> None:
        with pytest.raises(EvaluatorError):
            desktop.score(Finished())

    def test_closing_twice_is_harmless_and_final(self, desktop: Desktop, samples: SampleTasks) -> None:
        desktop.reset(samples.feasible)
        desktop.close()
        desktop.close()
        with pytest.raises(DesktopLost):
            desktop.step(Wait(seconds=0.0))
        with pytest.raises(DesktopLost):
            desktop.reset(samples.feasible)
