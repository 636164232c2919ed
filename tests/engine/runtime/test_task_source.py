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
