from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Task
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


def test_the_hash_of_a_task_knows_the_bytes_that_travel_with_it(tmp_path: Path) -> None:
    step = {"type": "download", "parameters": {"files": [{"url": "assets/a.txt", "path": "/home/user/a.txt"}]}}
    path = _file(tmp_path, json.dumps([_entry("with", config=[step]), _entry("without")]))
    missing, without = (task.content_hash for task in load_tasks(path))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.txt").write_text("one", encoding="utf-8")
    first = load_tasks(path)
    (tmp_path / "assets" / "a.txt").write_text("two", encoding="utf-8")
    second = load_tasks(path)
    assert len({missing, first[0].content_hash, second[0].content_hash}) == 3
    assert first[1].content_hash == second[1].content_hash == without
    assert first[0].model_copy().content_hash == first[0].content_hash
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "assets", elsewhere / "assets")
    copied = load_tasks(_file(elsewhere, path.read_text(encoding="utf-8")))
    assert copied[0].content_hash == second[0].content_hash


@pytest.mark.parametrize("files", [3, [3], [{}], {"url": "a"}, [{"url": "../secret\0", "path": "x"}]])
def test_files_that_make_no_sense_are_not_looked_for(tmp_path: Path, files: Any) -> None:
    step = {"type": "download", "parameters": {"files": files}}
    (task,) = load_tasks(_file(tmp_path, json.dumps(_entry(config=[step]))))
    assert task.content_hash


def _index(folder: Path, index: object, *, files: tuple[str, ...] = ("chrome/a", "os/b")) -> Path:
    for name in files:
        (folder / "examples" / name).parent.mkdir(parents=True, exist_ok=True)
        _file(folder / "examples" / name.split("/")[0], json.dumps(_entry(name.split("/")[1])), f"{name[-1]}.json")
    return _file(folder, json.dumps(index), "test_all.json")


def test_an_index_of_osworlds_names_task_files_by_their_domain(tmp_path: Path) -> None:
    _index(tmp_path, {"os": ["b"], "chrome": ["a"]})
    tasks = load_split(tmp_path, "test_all")
    assert [(task.id, task.domain) for task in tasks] == [("b", "os"), ("a", "chrome")]
    # The folder is no part of the task: its hash is that of the file.
    assert tasks[0].content_hash == load_tasks(tmp_path / "examples" / "os" / "b.json")[0].content_hash


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ({"os": ["c"]}, r"names the task os/c, and there is no .*examples/os/c\.json"),
        ({"os": ["../../secret"]}, "no task id"),
        ({"..": ["b"]}, "no task id"),
        ({"os": [7]}, "no task id"),
        ({"os": ["b"], "chrome": ["b"]}, "there is no"),
    ],
)
def test_an_index_that_leads_astray_is_refused(tmp_path: Path, index: object, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        load_tasks(_index(tmp_path, index))


def test_the_domain_of_a_task_is_its_folder_or_its_template_or_its_first_app() -> None:
    def domain(**more: Any) -> str:
        return Task.model_validate(_entry(**more)).domain

    assert domain(domain="vlc", template="x", related_apps=["y"]) == "vlc"
    assert domain(template="send-mail", related_apps=["Mail"]) == "send-mail"
    assert domain(related_apps=["Mail"]) == "Mail"
    assert domain() == ""


OSWORLD = os.environ.get("OSWORLD_EXAMPLES")


@pytest.mark.skipif(not OSWORLD, reason="OSWORLD_EXAMPLES does not name a folder `evaluation_examples` of OSWorld's")
def test_all_of_osworld_is_read_with_its_domains_and_infeasible_tasks() -> None:
    tasks = load_split(str(OSWORLD), "test_all")
    assert (len(tasks), sum(task.infeasible for task in tasks)) == (369, 30)
    sizes = Counter(task.domain for task in tasks)
    assert (sizes["chrome"], sizes["multi_apps"], sizes["vs_code"], len(sizes)) == (46, 101, 23, 10)
