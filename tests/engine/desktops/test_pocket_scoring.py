from __future__ import annotations

import random
from typing import Any

import pytest

from arpo_engine.contract.actions import Fail, Finished
from arpo_engine.contract.errors import EvaluatorError, SetupFailed
from arpo_engine.contract.tasks import Evaluator, SetupStep, Task
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.desktops.pocket.tasks import make_task
from arpo_engine.desktops.pocket.templates import TEMPLATES
from tests.engine.desktops.helpers import a_task, keys, press, score_after, words, write

FEASIBLE = [name for name, template in TEMPLATES.items() if not template.infeasible]
INFEASIBLE = [name for name, template in TEMPLATES.items() if template.infeasible]


@pytest.mark.parametrize("template", FEASIBLE)
def test_doing_nothing_and_always_failing_score_zero_on_what_can_be_done(desktop: PocketDesktop, template: str) -> None:
    rng = random.Random(0)
    for _ in range(20):
        desktop.reset(make_task(template, rng, "train"))
        assert desktop.score(Finished()) == 0.0
        assert desktop.score(Fail()) == 0.0
        assert desktop.score(None) == 0.0


@pytest.mark.parametrize("template", INFEASIBLE)
def test_what_cannot_be_done_scores_only_when_that_is_said(desktop: PocketDesktop, template: str) -> None:
    desktop.reset(a_task(template))
    assert desktop.score(Finished()) == 0.0
    assert desktop.score(Fail()) == 1.0


def test_saying_impossible_at_the_end_of_a_done_task_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("turn-on")
    assert score_after(desktop, task, "Setup", words(task)[0], "Save") == 1.0
    assert score_after(desktop, task, "Setup", words(task)[0], "Save", last=Fail()) == 0.0


def test_what_is_not_saved_does_not_count(desktop: PocketDesktop) -> None:
    task = a_task("turn-on-two")
    first, second = words(task)
    assert score_after(desktop, task, "Setup", first, second) == 0.0
    assert score_after(desktop, task, "Setup", first, "Save", second) == 0.0
    assert score_after(desktop, task, "Setup", first, second, "Close", "Setup", "Save") == 0.0
    assert score_after(desktop, task, "Setup", first, "Save", second, "Save") == 1.0


def test_half_of_a_task_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("turn-on-two")
    assert score_after(desktop, task, "Setup", words(task)[0], "Save") == 0.0


def test_one_option_too_many_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("turn-on")
    options = task.config[0].parameters["options"]
    other = next(word for word in options if word != words(task)[0])
    assert score_after(desktop, task, "Setup", words(task)[0], other, "Save") == 0.0


def test_another_setting_changed_on_the_way_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("turn-on")
    level = "1" if task.config[0].parameters["level"] != 1 else "2"
    assert score_after(desktop, task, "Setup", words(task)[0], level, "Save") == 0.0


def test_a_side_effect_in_another_application_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("turn-on")
    done = ("Setup", words(task)[0], "Save", "Close")
    person = task.config[0].parameters["people"][0]
    assert score_after(desktop, task, *done) == 1.0
    assert score_after(desktop, task, *done, "Mail", person) == 1.0
    assert score_after(desktop, task, *done, "Mail", person, "Send") == 0.0


def test_a_deletion_that_is_not_confirmed_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("delete-file")
    name = words(task)[0]
    assert score_after(desktop, task, "Files", name, "Delete") == 0.0
    assert score_after(desktop, task, "Files", name, "Delete", "No") == 0.0
    assert score_after(desktop, task, "Files", name, "Delete", "Yes") == 1.0


def test_the_wrong_file_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("delete-file")
    other = next(name for name in task.config[0].parameters["files"] if name != words(task)[0])
    assert score_after(desktop, task, "Files", other, "Delete", "Yes") == 0.0


def test_a_mail_sent_twice_or_with_a_copy_too_many_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("send-mail")
    person = words(task)[0]
    assert score_after(desktop, task, "Mail", person, "Send") == 1.0
    assert score_after(desktop, task, "Mail", person, "Copy", "Send") == 0.0
    assert score_after(desktop, task, "Mail", person, "Send", person, "Send") == 0.0
    assert score_after(desktop, task, "Mail", "Send") == 0.0


@pytest.mark.parametrize("text", ["", "te", "teaa", "Tea", " tea", "tea\n"])
def test_a_note_that_is_nearly_right_scores_zero(desktop: PocketDesktop, text: str) -> None:
    task = next(task for seed in range(99) if words(task := a_task("write-note", seed)) == ["tea"])
    desktop.reset(task)
    press(desktop, "Notes", "Text")
    write(desktop, text)
    press(desktop, "Save")
    assert desktop.score(Finished()) == 0.0


def test_a_value_in_the_neighbouring_cell_scores_zero(desktop: PocketDesktop) -> None:
    task = a_task("set-cell")
    row, column, value = words(task)
    other = next(name for name in task.config[0].parameters["columns"] if name != column)
    for cell, score in ((f"{row} {other}", 0.0), (f"{row} {column}", 1.0)):
        desktop.reset(task)
        press(desktop, "Table", cell)
        write(desktop, value)
        press(desktop, "Save")
        assert desktop.score(Finished()) == score


def test_a_receiver_may_be_typed(desktop: PocketDesktop) -> None:
    task = a_task("send-mail")
    desktop.reset(task)
    press(desktop, "Mail", "To")
    write(desktop, words(task)[0])
    keys(desktop, "ctrl", "s")
    assert desktop.score(Finished()) == 1.0


def test_an_application_must_be_left_open_as_asked(desktop: PocketDesktop) -> None:
    task = a_task("send-mail-and-open-app")
    person, app = words(task)
    assert score_after(desktop, task, "Mail", person, "Send") == 0.0
    assert score_after(desktop, task, app) == 0.0
    assert score_after(desktop, task, "Mail", person, "Send", "Close", app) == 1.0


def _with(task: Task, **evaluator: Any) -> Task:
    return task.model_copy(update={"evaluator": Evaluator(**{**task.evaluator.model_dump(), **evaluator})})


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"func": ["almost", "within"]}, "almost"),
        ({"func": ["equals"]}, "1 func"),
        ({"conj": "xor"}, "xor"),
        ({"result": [{"type": "vm_file"}, {"type": "pocket_changes"}]}, "vm_file"),
        ({"result": [{"type": "pocket_value", "path": "options.Nope"}, {"type": "pocket_changes"}]}, "options.Nope"),
        ({"expected": [{"type": "cloud_file"}, {"type": "rule", "rules": {"allowed": []}}]}, "cloud_file"),
        ({"expected": [{"type": "rule", "rules": {}}, {"type": "rule", "rules": {"allowed": []}}]}, "rules.expected"),
        ({"expected": [{"type": "rule", "rules": {"expected": 1}}, {"type": "rule", "rules": {}}]}, "rules.allowed"),
    ],
)
def test_an_evaluator_that_does_not_exist_is_an_error_with_its_name(
    desktop: PocketDesktop, change: dict[str, Any], names: str
) -> None:
    desktop.reset(_with(a_task("turn-on"), **change))
    with pytest.raises(EvaluatorError, match=names):
        desktop.score(Finished())


def test_alternatives_can_be_joined_by_or(desktop: PocketDesktop) -> None:
    rules = [{"type": "rule", "rules": {"expected": level}} for level in (1, 2, 3, 4, 5)]
    paths = [{"type": "pocket_value", "path": "level"}] * 5
    either = {"func": ["equals"] * 5, "result": paths, "expected": rules}
    desktop.reset(_with(a_task("turn-on"), **either, conj="or"))
    assert desktop.score(Finished()) == 1.0
    desktop.reset(_with(a_task("turn-on"), **either, conj="and"))
    assert desktop.score(Finished()) == 0.0


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"options": {"WiFi": True}}, "options"),
        ({"level": 9}, "level"),
        ({"color": "plaid"}, "plaid"),
        ({"layouts": {"home": 0}}, "layouts"),
        ({"surprise": 1}, "surprise"),
        ({"table": {"Rome": ["20"]}}, "Rome"),
    ],
)
def test_a_state_that_cannot_be_set_up_names_the_field(
    desktop: PocketDesktop, change: dict[str, Any], names: str
) -> None:
    task = a_task("turn-on")
    step = SetupStep(type="pocket_state", parameters={**task.config[0].parameters, **change})
    with pytest.raises(SetupFailed, match=names):
        desktop.reset(task.model_copy(update={"config": [step]}))


def test_a_task_without_a_state_is_refused(desktop: PocketDesktop) -> None:
    with pytest.raises(SetupFailed, match="0 pocket_state"):
        desktop.reset(a_task("turn-on").model_copy(update={"config": []}))
