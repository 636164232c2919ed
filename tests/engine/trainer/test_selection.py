"""Choosing tasks before a training: what is tried, what is practised, and that no crash or stop repeats any of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.contract.actions import Click
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import CheckpointError, ConfigError, SetupFailed, TaskError
from arpo_engine.contract.events import (
    CheckpointSaved,
    EpisodeStarted,
    EpisodeStepTaken,
    GroupCollected,
    LogWritten,
    MetricsLogged,
    PhaseChanged,
    StepFinished,
    TasksSelected,
    ValidationFinished,
)
from arpo_engine.contract.outcomes import Directive, RunOutcome, Split
from arpo_engine.contract.selection import Verdict
from arpo_engine.desktops.host import Answer, Request, Reset, Score
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.parts import Ending
from arpo_engine.trainer.stop import StopSwitch
from tests.engine.fakes import ClickingDesktops, make_task
from tests.engine.trainer.world import small_config, world

TASKS = (
    make_task("never"), make_task("a"), make_task("always"), make_task("b"), make_task("c"),
    make_task("impossible", infeasible=True),
)  # fmt: skip
LEARNABLE: dict[str, Any] = {"kind": "learnable", "attempts": 6}


class Knack(ClickingDesktops):
    """Some tasks are never solved, some always, the others by a last click on the right half of the screen."""

    async def call(self, index: int, request: Request) -> Answer:
        answer = await super().call(index, request)
        if isinstance(request, Score):
            task = self.tasks[index].id
            if task in ("never", "always", "impossible"):
                return float(task == "always")
            return float(isinstance(request.last_action, Click) and request.last_action.x > 14)
        return answer


@dataclass
class Outcome:
    ending: Ending
    events: list[Any]
    weights: dict[str, torch.Tensor] = field(repr=False)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def chosen(self) -> list[str]:
        return [task.task_id for task in self.of(TasksSelected)[-1].choice.chosen]

    @property
    def tried(self) -> list[tuple[str, int]]:
        """(task, slot) of each try of the choice that began."""
        names = [(event.task_id, event.episode_id) for event in self.of(EpisodeStarted) if event.split == "selection"]
        return [(task, int(name.rpartition("-r")[2].partition("~")[0])) for task, name in names]

    @property
    def practised(self) -> list[str]:
        return [event.task_id for event in self.of(GroupCollected)]

    def numbers(self) -> dict[int, dict[str, float | None]]:
        return {
            event.step: {key: value for key, value in event.values.items() if not key.startswith(("time/", "memory/"))}
            for event in self.of(MetricsLogged)
        }


def choosing(limits: dict[str, Any] | None = None, order: str = "epochs", **selection: Any) -> RunConfig:
    tasks = {"selection": {**LEARNABLE, **selection}, "order": {"kind": order}}
    return small_config(tasks=tasks, limits=limits or {"steps": 2}, rollout={"retries": 0})


def run(
    config: RunConfig,
    run_dir: Path,
    *,
    attempt: int = 1,
    resuming: bool = True,
    stop_when: Callable[[Any], bool] = lambda event: False,
    directive: Directive | None = None,
    trouble: Callable[[int, Request], None] = lambda index, request: None,
) -> Outcome:
    async def main() -> Outcome:
        desktops = Knack(size=6)
        desktops.trouble = trouble
        async with world(config, run_dir, attempt=attempt, tasks=TASKS, desktops=desktops) as parts:
            stop, emit = StopSwitch(parts.sink, minutes=None), parts.sink.emit

            def listen(event: Any) -> None:
                emit(event)
                if stop_when(event):
                    if directive is None:
                        stop.signalled("SIGINT")
                    else:
                        parts.sink.directive = directive

            parts.sink.emit = listen
            ending = await train(parts, stop, resuming=resuming)
            weights = {name: value.clone() for name, value in parts.policy.module.state_dict().items()}
            return Outcome(ending, parts.sink.events, weights)

    return asyncio.run(main())


def after_tries(number: int) -> Callable[[Any], bool]:
    """A wish to stop once so many tries have ended."""
    seen: list[str] = []

    def over(event: Any) -> bool:
        if isinstance(event, EpisodeStarted):
            seen.append(event.episode_id)
        return len(seen) >= number

    return over


def all_of(*names: str) -> Callable[[int, Request], None]:
    """Every desktop breaks as a task of these names begins."""

    def trouble(index: int, request: Request) -> None:
        if isinstance(request, Reset) and (not names or request.task.id in names):
            raise SetupFailed("no wallpaper")

    return trouble


def test_tasks_that_are_solved_now_and_then_are_practised_and_the_others_are_not(tmp_path: Path):
    outcome = run(choosing(), tmp_path)
    verdicts = {task.task_id: task.verdict for task in outcome.of(TasksSelected)[0].choice.tasks}
    assert verdicts == {
        "never": Verdict.NEVER_SOLVED, "always": Verdict.ALWAYS_SOLVED, "impossible": Verdict.NEVER_SOLVED,
        "a": Verdict.CHOSEN, "b": Verdict.CHOSEN, "c": Verdict.CHOSEN,
    }  # fmt: skip
    assert set(outcome.practised) <= {"a", "b", "c"}
    assert sorted(outcome.tried) == sorted((task.id, slot) for task in TASKS for slot in range(6))
    choice = outcome.of(TasksSelected)[0].choice
    assert choice.counts(infeasible=True) == {Verdict.NEVER_SOLVED: 1}
    assert sum(choice.counts(infeasible=False).values()) == 5


def test_the_phase_tells_how_far_it_is_and_keeps_screenshots_of_first_tries_only(tmp_path: Path):
    outcome = run(choosing(), tmp_path)
    told = [event for event in outcome.of(PhaseChanged) if event.phase == "selecting"]
    assert (told[0].done, told[0].total, told[0].eta_s) == (0, 36, None)
    assert (told[-1].done, told[-1].total, told[-1].eta_s) == (36, 36, 0.0)
    assert told[0].detail == "0 of 36 tries of 6 tasks, to choose those to practise"
    shown = {event.episode_id for event in outcome.of(EpisodeStepTaken) if event.frame is not None}
    assert {name.rpartition("-r")[2] for name in shown if "selection" in name} == {"0"}


def test_without_a_choice_nothing_is_tried_and_every_task_comes(tmp_path: Path):
    outcome = run(small_config(limits={"steps": 3}), tmp_path)
    assert (outcome.of(TasksSelected), outcome.tried) == ([], [])
    assert set(outcome.practised) == {task.id for task in TASKS}
    assert not (tmp_path / "results" / "selection.json").exists()


def test_a_choice_that_takes_every_task_trains_as_if_there_were_none(tmp_path: Path):
    plain = run(small_config(limits={"steps": 2}, rollout={"retries": 0}), tmp_path / "plain")
    every = run(choosing(attempts=2, success_above=None, success_below=None), tmp_path / "every")
    assert every.chosen == [task.id for task in TASKS]
    assert every.numbers() == plain.numbers()
    assert all(torch.equal(every.weights[name], plain.weights[name]) for name in plain.weights)


def test_equal_seeds_choose_alike(tmp_path: Path):
    one, two = (run(choosing(limits={"steps": 1}), tmp_path / name).of(TasksSelected)[0] for name in ("a", "b"))
    assert one == two


def test_tries_have_sampling_of_their_own_or_that_of_rollouts(tmp_path: Path):
    run(choosing(), tmp_path / "rollouts")
    run(choosing(temperature=0.3, max_steps=1), tmp_path / "own")
    terms = [
        json.loads((tmp_path / name / "results" / "attempts_selection.jsonl").read_text().splitlines()[0])["terms"]
        for name in ("rollouts", "own")
    ]
    assert [(term["temperature"], term["max_steps"]) for term in terms] == [(1.0, 2), (0.3, 1)]


def test_a_stop_in_the_middle_keeps_the_tries_and_a_resume_makes_only_the_rest(tmp_path: Path):
    whole = run(choosing(), tmp_path / "whole")
    first = run(choosing(), tmp_path / "broken", stop_when=after_tries(10))
    assert (first.ending.outcome, first.ending.step) == (RunOutcome.STOPPED, 0)
    assert first.ending.reason.startswith("stopped by SIGINT while tasks were chosen; finished tries are kept, ")
    assert (first.of(TasksSelected), first.of(CheckpointSaved), first.of(StepFinished)) == ([], [], [])
    second = run(choosing(), tmp_path / "broken", attempt=2)
    assert sorted(first.tried + second.tried) == sorted(whole.tried)
    assert 0 < len(second.tried) < len(whole.tried)
    known = next(event for event in second.of(PhaseChanged) if event.phase == "selecting")
    assert known.done == len(first.tried)
    assert second.of(TasksSelected) == whole.of(TasksSelected)
    assert second.numbers() == whole.numbers()
    assert all(torch.equal(second.weights[name], whole.weights[name]) for name in whole.weights)


def test_a_pause_in_the_middle_is_a_pause(tmp_path: Path):
    outcome = run(choosing(), tmp_path, stop_when=after_tries(3), directive=Directive.PAUSE)
    assert outcome.of(PhaseChanged)[-1].phase == "paused"
    assert outcome.ending.reason.startswith("paused from the console while tasks were chosen")


def test_a_resume_uses_the_choice_of_the_checkpoint_and_tries_nothing(tmp_path: Path):
    whole = run(choosing(limits={"steps": 3}), tmp_path / "whole")
    at_one = lambda event: isinstance(event, StepFinished) and event.step == 1  # noqa: E731
    run(choosing(limits={"steps": 3}), tmp_path / "broken", stop_when=at_one)
    # What the run folder knows of the tries is gone; the checkpoint has the choice.
    for name in ("attempts_selection.jsonl", "selection.json"):
        (tmp_path / "broken" / "results" / name).unlink()
    second = run(choosing(limits={"steps": 3}), tmp_path / "broken", attempt=2)
    assert second.tried == []
    (event,) = second.of(TasksSelected)
    assert event.kept
    assert event.choice == whole.of(TasksSelected)[0].choice
    assert all(torch.equal(second.weights[name], whole.weights[name]) for name in whole.weights)


def test_a_choice_that_was_made_before_the_first_checkpoint_is_used_again(tmp_path: Path):
    first = run(choosing(), tmp_path, trouble=lambda index, request: None)
    for folder in (tmp_path / "checkpoints").iterdir():
        if folder.is_dir():
            for file in sorted(folder.rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
            folder.rmdir()
    second = run(choosing(), tmp_path, attempt=2)
    assert second.tried == []
    assert second.of(TasksSelected) == [first.of(TasksSelected)[0].model_copy(update={"kept": True})]


def test_a_file_of_the_choice_that_was_cut_off_is_made_again_from_the_tries(tmp_path: Path):
    first = run(choosing(), tmp_path / "a")
    (tmp_path / "b" / "results").mkdir(parents=True)
    log = (tmp_path / "a" / "results" / "attempts_selection.jsonl").read_text()
    (tmp_path / "b" / "results" / "attempts_selection.jsonl").write_text(log)
    (tmp_path / "b" / "results" / "selection.json").write_text('{"terms": {')
    second = run(choosing(), tmp_path / "b")
    assert second.tried == []
    assert second.of(TasksSelected) == first.of(TasksSelected)


def test_other_bounds_before_the_first_step_judge_the_same_tries_anew(tmp_path: Path):
    first = run(choosing(), tmp_path / "a")
    (tmp_path / "b" / "results").mkdir(parents=True)
    for name in ("attempts_selection.jsonl", "selection.json"):
        (tmp_path / "b" / "results" / name).write_text((tmp_path / "a" / "results" / name).read_text())
    second = run(choosing(success_below=None), tmp_path / "b")
    assert second.tried == []
    assert set(second.chosen) == {*first.chosen, "always"}


def test_tries_of_another_sampling_are_not_counted_together(tmp_path: Path):
    run(choosing(), tmp_path, stop_when=after_tries(3))
    with pytest.raises(ConfigError, match=r"temperature = 1\.0, and this run has 0\.5; give another --run-dir"):
        run(choosing(temperature=0.5), tmp_path, attempt=2)


def test_no_resume_chooses_anew_and_keeps_the_old_tries(tmp_path: Path):
    run(choosing(limits={"steps": 1}), tmp_path)
    again = run(choosing(limits={"steps": 1}), tmp_path, attempt=2, resuming=False)
    assert len(again.tried) == 36
    kept = {path.name for path in (tmp_path / "results").glob("*selection*before_2*")}
    assert kept == {"attempts_selection.before_2.jsonl", "selection.before_2.json"}


@pytest.mark.parametrize(
    ("begun", "resumed", "words"),
    [
        (small_config(limits={"steps": 1}), choosing(), "without tasks.selection"),
        (choosing(limits={"steps": 1}), choosing(success_below=None), "by success_above = 0.0, success_below = 1.0"),
    ],
)
def test_a_trained_policy_cannot_choose_what_the_start_policy_was_to_choose(
    tmp_path: Path, begun: RunConfig, resumed: RunConfig, words: str
):
    run(begun, tmp_path)
    with pytest.raises(CheckpointError, match=f"{words}.*set tasks.selection as it was, or start anew"):
        run(resumed, tmp_path, attempt=2)


def test_faults_are_counted_apart_and_made_again_when_the_run_goes_on(tmp_path: Path):
    broken = run(choosing(), tmp_path, trouble=all_of("a"), stop_when=after_tries(34))
    assert broken.ending.outcome is RunOutcome.STOPPED
    second = run(choosing(), tmp_path, attempt=2)
    assert {("a", slot) for slot in range(6)} <= set(second.tried)
    assert "a" in second.chosen


def test_a_task_that_could_not_be_measured_is_left_aside_and_told(tmp_path: Path):
    outcome = run(choosing(), tmp_path, trouble=lambda index, request: all_of("a")(index, request))
    task = next(task for task in outcome.of(TasksSelected)[0].choice.tasks if task.task_id == "a")
    assert (task.verdict, task.attempts, task.faults) == (Verdict.NOT_MEASURED, 0, 6)
    assert [event for event in outcome.of(PhaseChanged) if "6 lost to faults" in event.detail]
    assert "a" not in outcome.practised


def test_when_no_task_is_left_the_run_says_why_and_what_to_do_and_the_page_is_told(tmp_path: Path):
    with pytest.raises(TaskError, match=r"0 of 6 tasks chosen.*Widen these bounds.*tasks\.selection\.kind = all"):
        run(choosing(success_above=0.99, success_below=None, attempts=200), tmp_path, trouble=all_of())


def test_after_faults_left_no_task_a_resume_makes_the_tries_again(tmp_path: Path):
    with pytest.raises(TaskError, match=r"5 could not be measured; infeasible: 1 could not .*preflight"):
        run(choosing(), tmp_path, trouble=all_of())
    second = run(choosing(), tmp_path, attempt=2)
    assert len(second.tried) == 36
    assert second.chosen == ["a", "b", "c"]


def test_infeasible_tasks_may_be_left_out_untried(tmp_path: Path):
    outcome = run(choosing(infeasible="leave_out"), tmp_path)
    assert "impossible" not in {task for task, _ in outcome.tried}
    assert outcome.of(TasksSelected)[0].choice.tasks[-1].verdict is Verdict.LEFT_OUT


def test_measured_training_tasks_are_those_that_are_practised(tmp_path: Path):
    config = choosing(limits={"steps": 1}).model_copy(
        update={"validation": small_config(validation={"every_steps": 1}).validation}
    )
    outcome = run(config, tmp_path)
    on_train = [event for event in outcome.of(ValidationFinished) if event.split is Split.VALIDATION_TRAIN]
    assert {frozenset(event.by_task) for event in on_train} == {frozenset("abc")}


def test_fewer_tasks_than_a_step_wants_are_told(tmp_path: Path):
    config = choosing(limits={"steps": 1})
    config = config.model_copy(update={"rollout": config.rollout.model_copy(update={"tasks_per_step": 4})})
    outcome = run(config, tmp_path)
    assert "tasks to practise: 3, fewer than rollout.tasks_per_step = 4" in outcome.of(LogWritten)[0].message


def test_a_curriculum_begins_with_what_the_choice_measured_and_resumes_exactly(tmp_path: Path):
    config = choosing(limits={"steps": 4}, order="success_rate")
    whole = run(config, tmp_path / "whole")
    assert all("curriculum/effective_tasks" in values for step, values in whole.numbers().items() if step)
    tried = {task.task_id: (task.successes + 1) / 8 for task in whole.of(TasksSelected)[0].choice.chosen}
    assert whole.numbers()[1]["curriculum/all_success"] == pytest.approx(sum(tried.values()) / 3)
    at_two = lambda event: isinstance(event, StepFinished) and event.step == 2  # noqa: E731
    first = run(config, tmp_path / "broken", stop_when=at_two)
    second = run(config, tmp_path / "broken", attempt=2)
    assert first.practised + second.practised == whole.practised
    assert {**first.numbers(), **second.numbers()} == whole.numbers()
    assert all(torch.equal(second.weights[name], whole.weights[name]) for name in whole.weights)
