"""The files of tasks against a real HTTP server on this machine, with several processes at once."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.errors import AssetMissing
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld import fetching
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.task_files import EMPTY_HISTORY, TaskFile, files_of
from tests.engine.tasks.osworld.simulated import task_of


@dataclass(slots=True)
class FileServer:
    """Gives files; counts who asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    codes: dict[str, list[int]] = field(default_factory=dict)
    """Statuses to give first, by path."""
    cut: set[str] = field(default_factory=set)
    """Paths of which half is sent."""
    asked: Counter[str] = field(default_factory=Counter)
    base: str = ""


@pytest.fixture
def files() -> Iterator[FileServer]:
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            state.asked[self.path] += 1
            body = state.files.get(self.path, b"")
            code = state.codes[self.path].pop(0) if state.codes.get(self.path) else 200 if body else 404
            self.send_response(code)
            self.send_header("Content-Type", state.kinds.get(self.path, "application/octet-stream"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.path in state.cut else body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)


def test_a_file_is_fetched_once_and_kept_by_the_hash_of_its_bytes(files: FileServer, tmp_path: Path) -> None:
    files.files["/a.xlsx"] = b"table"
    cache = AssetCache(tmp_path)
    file = cache.get(f"{files.base}/a.xlsx")
    assert file.read_bytes() == b"table"
    assert file.name == hashlib.sha256(b"table").hexdigest()
    assert cache.get(f"{files.base}/a.xlsx") == file
    assert files.asked["/a.xlsx"] == 1


def test_two_addresses_of_the_same_bytes_share_one_file(files: FileServer, tmp_path: Path) -> None:
    files.files |= {"/a": b"same", "/b": b"same"}
    cache = AssetCache(tmp_path)
    assert cache.get(f"{files.base}/a") == cache.get(f"{files.base}/b")
    assert len(list(cache.assets())) == 2


def test_many_processes_that_want_one_file_fetch_it_once(files: FileServer, tmp_path: Path) -> None:
    files.files["/big.bin"] = bytes(range(256)) * 4096
    script = (
        "import sys; from pathlib import Path; from arpo_engine.tasks.osworld.assets import AssetCache; "
        "print(AssetCache(Path(sys.argv[1])).get(sys.argv[2]).stat().st_size)"
    )
    words = [sys.executable, "-c", script, str(tmp_path), f"{files.base}/big.bin"]
    at_once = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [one.communicate()[0].strip() for one in at_once] == ["1048576"] * 3
    assert files.asked["/big.bin"] == 1
    assert not list((tmp_path / "side").iterdir())


def test_offline_nothing_is_asked_for_and_the_file_is_named(files: FileServer, tmp_path: Path) -> None:
    files.files["/a"] = b"x"
    with pytest.raises(AssetMissing, match=r"/a is not in .*ARPO_OFFLINE.*\./arpo assets fetch"):
        AssetCache(tmp_path, offline=True).get(f"{files.base}/a")
    assert not files.asked


def test_offline_what_was_fetched_before_is_there(files: FileServer, tmp_path: Path) -> None:
    files.files["/a"] = b"x"
    AssetCache(tmp_path).get(f"{files.base}/a")
    assert AssetCache(tmp_path, offline=True).get(f"{files.base}/a").read_bytes() == b"x"


def test_a_server_that_stumbles_is_asked_again_and_one_that_refuses_is_not(files: FileServer, tmp_path: Path) -> None:
    files.files["/a"] = b"x"
    files.codes["/a"] = [503, 502]
    assert AssetCache(tmp_path).get(f"{files.base}/a").read_bytes() == b"x"
    with pytest.raises(AssetMissing, match="404"):
        AssetCache(tmp_path).get(f"{files.base}/gone")
    assert files.asked == {"/a": 3, "/gone": 1}


def test_half_a_file_is_no_file(files: FileServer, tmp_path: Path) -> None:
    files.files["/a"] = b"0123456789"
    files.cut.add("/a")
    with pytest.raises(AssetMissing, match="cannot be fetched"):
        AssetCache(tmp_path).get(f"{files.base}/a")
    assert AssetCache(tmp_path).find(f"{files.base}/a") is None


def test_a_page_that_asks_to_sign_in_is_no_spreadsheet(files: FileServer, tmp_path: Path) -> None:
    files.files["/a.xlsx"] = b"<html>Sign in</html>"
    files.kinds["/a.xlsx"] = "text/html; charset=utf-8"
    with pytest.raises(AssetMissing, match=r"a web page instead of a \.xlsx file"):
        AssetCache(tmp_path).get(f"{files.base}/a.xlsx")


def test_only_http_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(AssetMissing, match="'file'"):
        AssetCache(tmp_path).get("file:///etc/passwd")


def test_an_address_that_gives_other_bytes_than_before_is_told_of(files: FileServer, tmp_path: Path) -> None:
    files.files["/a"] = b"one"
    file = AssetCache(tmp_path).get(f"{files.base}/a")
    file.unlink()
    files.files["/a"] = b"two"
    with pytest.raises(AssetMissing, match="gives other bytes"):
        AssetCache(tmp_path).get(f"{files.base}/a")


def test_files_of_the_task_set_itself_lie_beside_its_tasks_and_nowhere_else(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    (tasks / "assets").mkdir(parents=True)
    (tasks / "assets" / "a.csv").write_text("1", encoding="utf-8")
    (tmp_path / "secret").write_text("s", encoding="utf-8")
    cache = AssetCache(tmp_path / "cache", offline=True)

    def named(path: str) -> Task:
        return task_of(evaluator={"expected": {"type": "cloud_file", "path": path, "dest": "a.csv"}}).from_folder(tasks)

    cache.place(named("assets/a.csv"), tmp_path)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "1"
    assert cache.missing(named("assets/a.csv")) == []
    for outside in ("../secret", str(tmp_path / "secret"), "assets/b.csv"):
        assert cache.missing(named(outside)) == [outside]
        with pytest.raises(AssetMissing, match="belongs to the task set"):
            cache.place(named(outside), tmp_path)


def test_a_task_finds_its_files_under_the_names_that_osworld_gives_them(files: FileServer, tmp_path: Path) -> None:
    files.files |= {"/in.xlsx": b"in", "/gold.xlsx": b"gold"}
    download = {"files": [{"url": f"{files.base}/in.xlsx", "path": "/home/user/in.xlsx"}]}
    expected = {"type": "cloud_file", "path": f"{files.base}/gold.xlsx", "dest": "gold.xlsx"}
    task = task_of(
        "compare_table", config=[{"type": "download", "parameters": download}], evaluator={"expected": expected}
    )
    AssetCache(tmp_path / "cache").place(task, tmp_path)
    names = {path.name for path in tmp_path.glob("*.xlsx")}
    assert (tmp_path / "gold.xlsx").read_bytes() == b"gold"
    assert sorted(name.partition("_")[2] or name for name in names) == ["gold.xlsx", "in.xlsx"]
    assert len(names) == 2


def test_lists_of_files_and_the_one_that_osworld_names_in_its_code_are_found() -> None:
    many = {"type": "cloud_file", "multi": True, "path": ["https://x/a", "https://x/b"], "dest": ["a", "b"]}
    history = {"type": "update_browse_history", "parameters": {"history": []}}
    postconfig = [{"type": "download", "parameters": {"files": [{"url": "https://x/c", "path": "/tmp/c"}]}}]
    task = task_of("compare_table", config=[history], evaluator={"expected": many, "postconfig": postconfig})
    assert {file.url for file in files_of(task)} == {"https://x/a", "https://x/b", "https://x/c", EMPTY_HISTORY}
    assert TaskFile("https://x/b", "b") in files_of(task)


def _task_set(folder: Path, url: str) -> Path:
    step = {"type": "download", "parameters": {"files": [{"url": url, "path": "/home/user/a.txt"}]}}
    folder.mkdir()
    (folder / "few.json").write_text(json.dumps([task_of(config=[step]).model_dump(mode="json")]), encoding="utf-8")
    return folder


def test_the_command_fetches_lists_and_verifies(
    files: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARPO_DATA_DIR", str(tmp_path / "data"))
    files.files["/a.txt"] = b"words"
    tasks = str(_task_set(tmp_path / "set", f"{files.base}/a.txt"))
    assert main(["assets", "list", "--tasks", tasks, "--split", "few"]) == 1
    assert f"missing: {files.base}/a.txt" in capsys.readouterr().out
    assert main(["assets", "fetch", "--tasks", tasks, "--split", "few"]) == 0
    assert capsys.readouterr().out == "1 files: 0 were here, 1 fetched, 0 missing\n"
    assert main(["assets", "verify"]) == 0
    AssetCache(tmp_path / "data" / "assets").get(f"{files.base}/a.txt").write_bytes(b"tampered")
    assert main(["assets", "verify"]) == 1
    assert "has changed; remove it" in capsys.readouterr().out


def test_the_command_says_which_files_cannot_be_had(
    files: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARPO_DATA_DIR", str(tmp_path / "data"))
    tasks = str(_task_set(tmp_path / "set", f"{files.base}/gone.txt"))
    assert main(["assets", "fetch", "--tasks", tasks, "--split", "few"]) == 1
    assert f"{files.base}/gone.txt cannot be fetched: the server answers 404" in capsys.readouterr().out
    assert main(["assets", "fetch"]) == 2
    assert "needs --tasks FOLDER" in capsys.readouterr().err
