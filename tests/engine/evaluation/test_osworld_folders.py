"""OSWorld's results folders: written so that its tools read them; read whoever wrote them; half-written ones kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arpo_engine.contract.actions import Action, Click, Drag, Fail, Finished, Hotkey, Scroll, TypeText, Wait
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.evaluation.osworld_reading import read_osworld
from arpo_engine.evaluation.osworld_words import osworld_action
from arpo_engine.evaluation.osworld_writing import OsworldFolders, plain
from arpo_engine.inference.base import Sampling
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Step, Trajectory
from tests.engine.fakes import frame

DOMAINS = (
    "chrome", "gimp", "libreoffice_calc", "libreoffice_impress", "libreoffice_writer", "multi_apps", "os",
    "thunderbird", "vlc", "vs_code",
)  # fmt: skip


def task(name: str, domain: str = "os", *, infeasible: bool = False) -> Task:
    evaluator = Evaluator(func="infeasible" if infeasible else "exact")
    return Task.model_validate({"id": name, "instruction": f"do {name}", "evaluator": evaluator, "domain": domain})


def plan(name: str, domain: str = "os", slot: int = 0) -> Plan:
    return Plan(
        episode_id=f"{name}-r{slot}", task=task(name, domain), split=Split.EVALUATION, step=1, seed=0, slot=slot,
        sampling=Sampling(temperature=0.0, top_p=1.0, max_new_tokens=4), max_steps=3,
    )  # fmt: skip


def episode(*actions: Action | None, score: float | None = 1.0, ended_by: EndedBy = EndedBy.FINISHED) -> Trajectory:
    steps = tuple(
        Step(
            pixels=frame(index), prompt_ids=(), reply_ids=(), reply_logprobs=(), weight_version=0,
            text=f"Action {index}", thought="", action=action,
        )
        for index, action in enumerate(actions)
    )  # fmt: skip
    return Trajectory(
        episode_id="e", task_id="t", steps=steps, ended_by=ended_by, score=score, last_seen=frame(len(actions)),
        fault=None if score is not None else Fault.DESKTOP_LOST, note="" if score is not None else "no answer",
    )  # fmt: skip


def folders(root: Path, attempts: int = 1) -> OsworldFolders:
    made = OsworldFolders(root=root, model="models/ui-tars", max_steps=3, attempts=attempts)
    made.prepare()
    return made


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "traj.jsonl").read_text().splitlines()]


def test_an_attempt_has_one_line_and_one_screenshot_an_action_and_ends_done(tmp_path: Path):
    folders(tmp_path).write(plan("t1"), episode(Click(x=3, y=4), Finished()))
    folder = tmp_path / "pyautogui" / "screenshot" / "ui-tars" / "os" / "t1"
    told = lines(folder)
    assert [(line["step_num"], line["action"], line["done"]) for line in told] == [
        (1, "pyautogui.click(3, 4, clicks=1, button='left')", False),
        (2, "DONE", True),
    ]
    # As in OSWorld, a screenshot shows the desktop after the action.
    for line, shade in zip(told, (1, 2), strict=True):
        with Image.open(folder / str(line["screenshot_file"])) as picture:
            assert np.array_equal(np.asarray(picture), frame(shade))
    assert (folder / "result.txt").read_text() == "1.0\n"
    assert json.loads((folder.parent.parent / "args.json").read_text())["max_steps"] == 3


def test_running_out_of_steps_is_told_by_the_number_of_lines(tmp_path: Path):
    out = episode(Wait(), Wait(), Wait(), score=0.0, ended_by=EndedBy.OUT_OF_STEPS)
    folders(tmp_path).write(plan("t1"), out)
    told = lines(tmp_path / "pyautogui" / "screenshot" / "ui-tars" / "os" / "t1")
    assert [line["done"] for line in told] == [False] * 3


def test_a_fault_leaves_an_error_line_and_no_result_and_a_second_try_takes_its_place(tmp_path: Path):
    made = folders(tmp_path)
    made.write(plan("t1"), episode(Wait(), score=None, ended_by=EndedBy.FAULT))
    folder = tmp_path / "pyautogui" / "screenshot" / "ui-tars" / "os" / "t1"
    assert lines(folder)[-1] == {"Error": "desktop_lost: no answer"}
    assert not (folder / "result.txt").exists()
    (read,) = read_osworld(tmp_path)
    assert [(attempt.score, attempt.fault) for attempt in read.attempts] == [(None, "desktop_lost: no answer")]
    made.write(plan("t1"), episode(Finished()))
    assert read_osworld(tmp_path)[0].attempts[0].score == 1.0


def test_what_show_result_does_finds_every_domain_and_score(tmp_path: Path):
    made = folders(tmp_path)
    for number, domain in enumerate(DOMAINS):
        made.write(plan(f"t{number}", domain), episode(Finished(), score=number / 10))
    # As OSWorld's show_result walks: folders of domains, folders of tasks, the number in result.txt.
    target = tmp_path / "pyautogui" / "screenshot" / "ui-tars"
    seen = {
        domain.name: [float((example / "result.txt").read_text()) for example in domain.iterdir() if example.is_dir()]
        for domain in target.iterdir()
        if domain.is_dir()
    }
    assert seen == {domain: [number / 10] for number, domain in enumerate(DOMAINS)}


def test_what_is_written_is_read_again_trial_by_trial(tmp_path: Path):
    made = folders(tmp_path, attempts=2)
    for slot, score in ((0, 1.0), (1, 0.0)):
        made.write(plan("t1", "vlc", slot), episode(Finished(), score=score))
    (read,) = read_osworld(tmp_path)
    assert (read.model, read.trials, read.problems) == ("ui-tars", ["trial-1", "trial-2"], [])
    assert [(one.slot, one.score, one.domain) for one in read.attempts] == [(0, 1.0, "vlc"), (1, 0.0, "vlc")]


def result(folder: Path, text: str | None, trajectory: str = '{"step_num": 1, "done": true}\n') -> Path:
    folder.mkdir(parents=True)
    (folder / "traj.jsonl").write_text(trajectory)
    if text is not None:
        (folder / "result.txt").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("where", "given", "model", "trials"),
    [
        ("pyautogui/screenshot/m/os/t", "", "m", [""]),
        ("pyautogui/screenshot/m/os/t", "pyautogui/screenshot/m", "m", [""]),
        ("pyautogui/screenshot/m/os/t", "pyautogui/screenshot/m/os", "m", [""]),
        ("pyautogui/screenshot/m/os/t", "pyautogui/screenshot/m/os/t", "m", [""]),
        ("pyautogui/screenshot/m/trial-7/os/t", "", "m", ["trial-7"]),
        ("computer_13/a11y_tree/m/os/t", "computer_13", "m", [""]),
        ("copied/trial-7/os/t", "copied", "copied", ["trial-7"]),
        ("copied/os/t", "copied", "copied", [""]),
    ],
)
def test_any_level_may_be_named(tmp_path: Path, where: str, given: str, model: str, trials: list[str]):
    result(tmp_path / where, "1.0\n")
    (read,) = read_osworld(tmp_path / given)
    assert (read.model, read.trials) == (model, trials)
    assert [(one.task_id, one.domain, one.score) for one in read.attempts] == [("t", "os", 1.0)]


def test_the_task_file_tells_infeasible_tasks_apart(tmp_path: Path):
    result(tmp_path / "m" / "os" / "t", "1.0\n")
    (read,) = read_osworld(tmp_path / "m", {"t": task("t", "gimp", infeasible=True)})
    assert (read.attempts[0].infeasible, read.attempts[0].domain) == (True, "gimp")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no result.txt, so that task is not finished; run it again"),
        ("", "holds '', which is no score"),
        ("nan\n", "holds 'nan'"),
        ("7\n", "no score from 0 to 1"),
        ("__import__('os').system('true')", "is no score from 0 to 1"),
        ("1" * 10_000_000, "is no score from 0 to 1"),
    ],
    ids=["missing", "empty", "nan", "seven", "code", "ten megabytes"],
)
def test_a_half_written_folder_is_named_not_counted_and_left_as_it_is(tmp_path: Path, text: str | None, sentence: str):
    whole = result(tmp_path / "m" / "os" / "whole", "0.0\n")
    half = result(tmp_path / "m" / "os" / "half", text, '{"step_num": 1}\n{"step_nu')
    before = sorted((path, path.stat().st_size) for path in tmp_path.rglob("*") if path.is_file())
    (read,) = read_osworld(tmp_path / "m")
    assert [one.task_id for one in read.attempts] == [whole.name]
    (problem,) = read.problems
    assert sentence in problem
    assert str(half) in problem
    assert len(problem) < 1000
    assert sorted((path, path.stat().st_size) for path in tmp_path.rglob("*") if path.is_file()) == before


def test_a_torn_trajectory_beside_a_whole_result_still_counts_and_is_told(tmp_path: Path):
    result(tmp_path / "m" / "os" / "t", "1.0\n", '{"step_num": 1}\n{"step_nu')
    (read,) = read_osworld(tmp_path / "m")
    assert (read.attempts[0].score, read.attempts[0].steps) == (1.0, 1)
    assert "line 2" in read.problems[0]


@pytest.mark.parametrize("make", [False, True])
def test_a_place_without_results_is_refused_with_the_layout(tmp_path: Path, make: bool):
    place = tmp_path / "none"
    if make:
        place.mkdir()
    with pytest.raises(ConfigError, match="result_dir"):
        read_osworld(place)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Drag(x=1, y=2, to_x=3, to_y=4), "pyautogui.moveTo(1, 2)\npyautogui.dragTo(3, 4, duration=1.0)"),
        (Scroll(x=1, y=2, direction="down", clicks=5), "pyautogui.scroll(-5, x=1, y=2)"),
        (Scroll(x=1, y=2, direction="right", clicks=5), "pyautogui.hscroll(5, x=1, y=2)"),
        (TypeText(text="'); import os #"), 'pyautogui.write("\'); import os #")'),
        (Hotkey(keys=("ctrl", "s")), "pyautogui.hotkey('ctrl', 's')"),
        (Wait(), "WAIT"),
        (Fail(), "FAIL"),
        (None, ""),
    ],
)
def test_actions_are_told_in_osworlds_words_with_every_literal_quoted(action: Action | None, words: str):
    assert osworld_action(action) == words


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("builtin:pocket", "builtin-pocket"),
        ("/a/b/model/", "model"),
        ("..", "unnamed"),
        ("org/UI-TARS-1.5", "UI-TARS-1.5"),
    ],
)
def test_a_models_name_becomes_one_folders_name(name: str, folder: str):
    assert plain(name) == folder
