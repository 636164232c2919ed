"""Which tasks a run gets from its set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.errors import TaskError
from arpo_engine.runtime.task_source import load_tasks


def config_of(folder: Path, infeasible: str, **funcs: list[str]) -> RunConfig:
    for split, names in funcs.items():
        tasks = [
            {"id": f"{split}{number}", "instruction": "Do it", "evaluator": {"func": func}}
            for number, func in enumerate(names)
        ]
        (folder / f"{split}.json").write_text(json.dumps(tasks), encoding="utf-8")
    return parse_config({"tasks": {"source": str(folder), "infeasible": infeasible, "limit": 1}})


SPLITS = {"train": ["infeasible", "exact_match", "exact_match"], "held_out": ["exact_match", "infeasible"]}


def test_infeasible_tasks_take_part_unless_they_are_left_out(tmp_path: Path):
    train, held_out = load_tasks(config_of(tmp_path, "keep", **SPLITS))
    assert ([task.id for task in train], len(held_out)) == (["train0"], 2)
    train, held_out = load_tasks(config_of(tmp_path, "leave_out", **SPLITS))
    assert ([task.id for task in train], [task.id for task in held_out]) == (["train1"], ["held_out0"])


def test_a_split_of_which_nothing_is_left_is_refused(tmp_path: Path):
    splits = {"train": ["infeasible"], "held_out": ["exact_match"]}
    with pytest.raises(TaskError, match=r"has no tasks but infeasible ones; name another in tasks\.train"):
        load_tasks(config_of(tmp_path, "leave_out", **splits))


def only(folder: Path, *names: str, kind: str = "train") -> RunConfig:
    config_of(folder, "keep", **SPLITS)
    return parse_config({"kind": kind, "tasks": {"source": str(folder), "only": names}})


def test_a_list_of_tasks_narrows_what_is_practised_and_not_what_is_measured(tmp_path: Path):
    train, held_out = load_tasks(only(tmp_path, "train2", "train0"))
    assert [task.id for task in train] == ["train0", "train2"]
    assert [task.id for task in held_out] == ["held_out0", "held_out1"]


def test_a_held_out_task_cannot_be_practised(tmp_path: Path):
    with pytest.raises(TaskError, match=r"tasks\.only names 'held_out0' and 1 more, which the split 'train' does not"):
        load_tasks(only(tmp_path, "train1", "held_out0", "nothing"))


def test_an_evaluation_names_its_tasks_elsewhere(tmp_path: Path):
    train, _ = load_tasks(only(tmp_path, "held_out0", kind="evaluate"))
    assert len(train) == 3
