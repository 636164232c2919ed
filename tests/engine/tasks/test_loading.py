from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.errors import TaskError
from arpo_engine.tasks import load_split, load_tasks, task_set_hash


def _entry(name: str = "one", **more: Any) -> dict[str, Any]:
    return {"id": name, "instruction": "Do it", "evaluator": {"func": "infeasible"}, **more}


def _file(folder: Path, content: str, name: str = "train.json") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_tasks_come_in_the_files_order(tmp_path: Path) -> None:
    _file(tmp_path, json.dumps([_entry("b"), _entry("a")]))
    assert [task.id for task in load_split(tmp_path, "train")] == ["b", "a"]


def test_a_file_may_hold_one_task_with_fields_of_its_own(tmp_path: Path) -> None:
    (task,) = load_tasks(_file(tmp_path, json.dumps(_entry(proxy=False, source="here"))))
    assert (task.model_extra or {})["source"] == "here"


def test_a_missing_split_names_those_that_are_there(tmp_path: Path) -> None:
    _file(tmp_path, "[]", "held_out.json")
    with pytest.raises(TaskError, match=r"no split 'train'.*held_out"):
        load_split(tmp_path, "train")
    with pytest.raises(TaskError, match="give a folder"):
        load_split(tmp_path / "nowhere", "train")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{not json", r"not JSON.*line 1"),
        ("[]", "holds no tasks"),
        ('"text"', "holds no tasks"),
        ("[3]", "entry 1 is 3"),
        (json.dumps([_entry(instruction="")]), r"'one': instruction"),
        (json.dumps([{"id": "x"}]), r"'x': instruction.*evaluator"),
        (json.dumps([_entry(), _entry()]), "'one' twice"),
        (json.dumps([_entry(config=[{"type": "a", "surprise": 1}])]), "surprise"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content: str, says: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(TaskError, match=says) as caught:
        load_tasks(path)
    assert str(path) in str(caught.value)


def test_text_in_another_encoding_and_a_missing_file_are_said_so(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(b'[{"id": "\xff"}]')
    with pytest.raises(TaskError, match="not UTF-8"):
        load_tasks(path)
    with pytest.raises(TaskError, match="cannot read"):
        load_tasks(tmp_path / "missing.json")


def test_the_hash_of_a_set_knows_its_content_and_not_its_order(tmp_path: Path) -> None:
    one = load_tasks(_file(tmp_path, json.dumps([_entry("a"), _entry("b")]), "1.json"))
    turned = load_tasks(_file(tmp_path, json.dumps([_entry("b"), _entry("a")]), "2.json"))
    other = load_tasks(_file(tmp_path, json.dumps([_entry("a"), _entry("b", instruction="Do more")]), "3.json"))
    assert task_set_hash(one) == task_set_hash(turned) != task_set_hash(other)
