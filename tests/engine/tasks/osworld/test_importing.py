"""import-osworld, on folders that are made here, and on all 369 tasks in both wordings where they are at hand."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.osworld import OsworldReport
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.needs import network_of, obstacles
from arpo_engine.tasks.osworld.reading import find_checkout, read_checkout
from arpo_engine.tasks.osworld.refusals import unknown_words, unsafe_words
from arpo_engine.tasks.osworld.task_files import files_of
from tests.engine.tasks.osworld.simulated import task_of

EXAMPLES = os.environ.get("OSWORLD_EXAMPLES", "")
"""OSWorld's `evaluation_examples`, which is not ours to ship; beside it may be `evaluation_examples_arpo`, in ARPO's
wording, and `index.csv`, a list of what needs the network that was made by hand."""
needs_data = pytest.mark.skipif(not EXAMPLES, reason="OSWORLD_EXAMPLES names no folder `evaluation_examples`")
URL = "https://files.example.org/a.xlsx"


def _entry(name: str, **more: Any) -> dict[str, Any]:
    download = {"type": "download", "parameters": {"files": [{"url": URL, "path": "/home/user/a.xlsx"}]}}
    return {
        "id": name,
        "instruction": "Do it",
        "snapshot": "os",
        "config": [download],
        "related_apps": ["os"],
        "evaluator": {"func": "exact_match", "result": {"type": "vm_command_line", "command": "true"}},
        **more,
    }


def _checkout(folder: Path, *entries: dict[str, Any], domain: str = "os") -> Path:
    examples = folder / "evaluation_examples"
    for entry in entries:
        file = examples / "examples" / domain / f"{entry['id']}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(entry), encoding="utf-8")
    ids = [entry["id"] for entry in entries]
    (examples / "test_all.json").write_text(json.dumps({domain: ids}), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARPO_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def _imported(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> OsworldReport:
    assert main(["import-osworld", str(path), "--json", *words]) == 0
    return OsworldReport.model_validate_json(capsys.readouterr().out)


def test_an_imported_set_can_be_named_by_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path) -> None:
    checkout = _checkout(tmp_path / "w", _entry("one"), _entry("two", evaluator={"func": "infeasible"}))
    report = _imported(checkout, capsys)
    assert report.written_to == str(data / "tasks" / "osworld-arpo")
    tasks = load_split(report.written_to, "test_all")
    assert [(task.id, task.domain, task.infeasible) for task in tasks] == [("one", "os", False), ("two", "os", True)]
    assert [task.content_hash for task in tasks] == [told.content_hash for told in report.tasks]
    assert [task.id for task in load_split(report.written_to, "runnable_docker")] == ["one"]


def test_a_look_writes_nothing_and_prints_the_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    assert main(["import-osworld", str(_checkout(tmp_path / "w", _entry("one", proxy=False))), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "1 tasks in today's wording, 0 infeasible" in told
    assert "Nothing was written" in told
    assert not data.exists()


def test_importing_again_replaces_what_was_imported_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    first = _imported(_checkout(tmp_path / "a", _entry("one")), capsys)
    _imported(_checkout(tmp_path / "b", _entry("two")), capsys)
    assert [task.id for task in load_split(first.written_to or "", "test_all")] == ["two"]
    (data / "tasks" / "mine").mkdir()
    assert main(["import-osworld", str(tmp_path / "a"), "--name", "mine"]) == 2
    assert "was not written by import-osworld" in capsys.readouterr().err
    assert main(["import-osworld", str(tmp_path / "a"), "--name", "../out"]) == 2


def test_what_an_earlier_run_fetched_is_adopted_and_not_fetched_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    checkout = _checkout(tmp_path / "w", _entry("one"))
    (file,) = files_of(task_of(**{key: value for key, value in _entry("one").items() if key == "config"}))
    (checkout / "cache" / "one").mkdir(parents=True)
    (checkout / "cache" / "one" / file.name).write_bytes(b"table")
    (checkout / "docker_vm_data").mkdir()
    (checkout / "docker_vm_data" / "Ubuntu.qcow2").write_bytes(b"disk")
    report = _imported(checkout, capsys)
    assert (report.assets.addresses, report.assets.here, report.assets.adopted) == (1, 1, 1)
    assert report.machines == {"osworld-docker": str(checkout / "docker_vm_data" / "Ubuntu.qcow2")}
    assert AssetCache(data / "assets", offline=True).get(URL).read_bytes() == b"table"
    assert _imported(checkout, capsys).assets.adopted == 0


def test_a_link_in_a_checkouts_cache_brings_no_other_file_of_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    (tmp_path / "key").write_text("not for desktops", encoding="utf-8")
    checkout = _checkout(tmp_path / "w", _entry("one"))
    (file,) = files_of(task_of(**{key: value for key, value in _entry("one").items() if key == "config"}))
    (checkout / "cache" / "one").mkdir(parents=True)
    (checkout / "cache" / "one" / file.name).symlink_to(tmp_path / "key")
    report = _imported(checkout, capsys)
    assert (report.assets.here, report.assets.adopted) == (0, 0)
    assert not any(path.is_file() for path in (data / "assets").rglob("*"))


def test_a_folder_without_examples_names_what_was_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-osworld", str(tmp_path)]) == 2
    assert "name a checkout of OSWorld" in capsys.readouterr().err
    with pytest.raises(TaskError):
        find_checkout(tmp_path)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"config": [{"type": "host_command", "parameters": {"command": "rm -rf /"}}]},
            "unknown step type 'host_command'",
        ),
        (
            {"config": [{"type": "execute", "parameters": {"command": "ls", "on_host": True}}]},
            "parameter 'on_host' of step",
        ),
        ({"evaluator": {"func": "os.system"}}, "unknown function 'os.system'"),
        (
            {"evaluator": {"func": "exact_match", "result": {"type": "host_file", "path": "/x"}}},
            "unknown getter 'host_file'",
        ),
        ({"config": [{"type": "upload_file", "parameters": {"files": []}}]}, "reads files of the engine's machine"),
        (
            {"config": [{"type": "execute", "parameters": {"command": "ls", "stdout": "../../x"}}]},
            "stdout '../../x' of a execute step leads out",
        ),
        (
            {
                "evaluator": {
                    "func": "compare_table",
                    "result": {"type": "vm_file", "path": "/x", "dest": "/etc/cron.d/x"},
                }
            },
            "dest '/etc/cron.d/x' of a vm_file getter leads out",
        ),
        (
            {"evaluator": {"func": "exact_match", "result": {"type": "cache_file", "path": "../../secret"}}},
            "path '../../secret' of a cache_file getter leads out",
        ),
        (
            {"config": [{"type": "download", "parameters": {"files": [{"url": "file:///etc/shadow", "path": "/x"}]}}]},
            "'file:///etc/shadow' is no http address",
        ),
        (
            {"config": [{"type": "download", "parameters": {"files": [{"url": "../../etc/shadow", "path": "/x"}]}}]},
            "'../../etc/shadow' leads out of the task set",
        ),
        (
            {
                "config": [
                    {"type": "login", "parameters": {"settings_file": "/root/.ssh/id", "platform": "googledrive"}}
                ]
            },
            "settings_file '/root/.ssh/id' of a login step leads out",
        ),
        (
            {"evaluator": {"func": "compare_archive", "options": {"file_path": "../.."}}},
            "file_path '../..' of a option leads out",
        ),
        ({"evaluator": {"func": "exact_match", "postconfig": ["sleep"]}}, "unknown step type \"'sleep'\""),
    ],
)
def test_a_task_that_reaches_for_this_machine_is_left_out_by_name(
    entry: dict[str, Any], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _imported(_checkout(tmp_path / "w", _entry("good"), _entry("bad", **entry)), capsys)
    assert [task.id for task in report.tasks] == ["good"]
    (refused,) = report.refused
    assert refused.file == "examples/os/bad.json"
    assert says in refused.why
    assert [(split.tasks, split.left_out) for split in report.splits] == [(1, 1)]
    assert [task.id for task in load_split(report.written_to or "", "test_all")] == ["good"]


def test_an_id_that_leads_out_is_refused_wherever_it_comes_from() -> None:
    assert unsafe_words(task_of(id="../../x")) == ["its id '../../x' is no plain name, and names a folder"]
    assert unsafe_words(task_of()) == unknown_words(task_of()) == []


def test_files_that_are_no_tasks_are_named_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _checkout(tmp_path / "w", _entry("good")) / "evaluation_examples" / "examples" / "os"
    (folder / "torn.json").write_text('{"id": "torn"', encoding="utf-8")
    (folder / "bytes.json").write_bytes(b"\xff\xfe")
    (folder / "list.json").write_text("[]", encoding="utf-8")
    (folder / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (folder / "other.json").write_text(json.dumps(_entry("another")), encoding="utf-8")
    (tmp_path / "outside.json").write_text(json.dumps(_entry("link")), encoding="utf-8")
    (folder / "link.json").symlink_to(tmp_path / "outside.json")
    why = {Path(refused.file).stem: refused.why for refused in _imported(tmp_path / "w", capsys).refused}
    assert set(why) == {"torn", "bytes", "list", "deep", "other", "link"}
    assert "no JSON" in why["torn"] and "no UTF-8" in why["bytes"] and "holds no task" in why["list"]
    assert "no JSON" in why["deep"] and "its id is 'another'" in why["other"] and "leads out" in why["link"]


def test_why_a_task_cannot_run_is_said_for_each_provider() -> None:
    web = task_of(config=[{"type": "chrome_open_tabs", "parameters": {"urls_to_open": ["https://example.org"]}}])
    assert obstacles(web, "docker") == ["needs the web while it runs"]
    assert obstacles(web, "osworld-docker") == []
    here = task_of(config=[{"type": "chrome_open_tabs", "parameters": {"urls_to_open": ["http://localhost:8000/a"]}}])
    assert obstacles(here, "xvfb") == []
    assert obstacles(here, "pocket") == ["needs real applications"]
    code = task_of(config=[{"type": "launch", "parameters": {"command": ["code", "/home/user/a.py"]}}])
    assert obstacles(code, "docker") == ["needs VS Code, which Debian does not have"]
    shell = task_of(config=[{"type": "launch", "parameters": {"command": ["nautilus", "/home/user"]}}])
    assert obstacles(shell, "docker") == []
    assert obstacles(shell, "xvfb") == ["needs GNOME's own terminal or file manager"]
    installs = task_of(
        config=[{"type": "execute", "parameters": {"command": "sudo -S apt-get install jq", "shell": True}}]
    )
    assert obstacles(installs, "docker") == ["installs packages from the network while it is set up"]
    assert network_of(installs) == "preinstall"


def _beside(name: str) -> Path:
    """What lies beside today's examples, if it does."""
    path = Path(EXAMPLES).parent / name
    if not path.exists():
        pytest.skip(f"there is no {name} beside OSWORLD_EXAMPLES")
    return path


@needs_data
@pytest.mark.parametrize(
    ("folder", "edition"), [("evaluation_examples", "today"), ("evaluation_examples_arpo", "arpo")]
)
def test_all_369_are_read_in_both_wordings(folder: str, edition: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = _imported(_beside(folder), capsys, "--dry-run")
    assert (len(report.tasks), report.refused, report.edition) == (369, (), edition)
    assert sum(task.infeasible for task in report.tasks) == 30
    counts = {count.domain: count.tasks for count in report.domains}
    assert counts == {
        "chrome": 46, "gimp": 26, "libreoffice_calc": 47, "libreoffice_impress": 47, "libreoffice_writer": 23,
        "multi_apps": 101, "os": 24, "thunderbird": 15, "vlc": 17, "vs_code": 23,
    }  # fmt: skip
    splits = {split.split: split.tasks for split in report.splits}
    assert (splits["test_all"], splits["test_small"]) == (369, 39)
    assert splits.get("test_success_uitars1.5_wo_impossible", 128) == 128
    assert {count.provider for count in report.providers} == {"pocket", "xvfb", "docker", "osworld-docker", "vmware"}


@needs_data
def test_what_needs_the_network_agrees_with_the_list_that_was_made_by_hand() -> None:
    with _beside("index.csv").open(encoding="utf-8") as handle:
        known = {row["id"]: row["needs_internet"] for row in csv.DictReader(handle)}
    read = read_checkout(Path(EXAMPLES))
    assert {one.task.id: network_of(one.task).value for one in read.tasks} == known


def test_files_that_lie_beside_the_tasks_are_imported_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    download = {"type": "download", "parameters": {"files": [{"url": "assets/a.txt", "path": "/home/user/a.txt"}]}}
    checkout = _checkout(tmp_path / "w", _entry("one", config=[download]))
    own = checkout / "evaluation_examples" / "assets" / "a.txt"
    own.parent.mkdir()
    own.write_text("own", encoding="utf-8")
    report = _imported(checkout, capsys)
    (task,) = load_split(str(report.written_to), "test_all")
    assert task.folder is not None
    assert (task.folder / "assets" / "a.txt").read_text(encoding="utf-8") == "own"
    assert report.tasks[0].content_hash == task.content_hash
    assert report.assets.addresses == 0


def test_every_task_of_our_own_can_be_done_on_displays_without_a_network() -> None:
    """Some read the browser's tabs, which for OSWorld's tasks means the web; here each page is the desktop's own."""
    tasks = load_split(Path("configs/tasks/desk_basics"), "all")
    assert {task.id: reasons for task in tasks if (reasons := obstacles(task, "xvfb"))} == {}
