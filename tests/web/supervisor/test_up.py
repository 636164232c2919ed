"""`./arpo up` as a person runs it, with somebody else's Ray so that no cluster has to be started here."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from webapp.env import BASE_DIR
from webapp.supervisor.lock import holder, read_note
from webapp.supervisor.ports import free_port

ARPO = str(BASE_DIR / "arpo")
START_WITHIN_S = 300.0
SERVICES = {"postgres", "valkey", "web", "worker", "beat"}


class Console:
    """A console in a process of its own, and what it said."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.port = port
        self.said = data / "said.txt"
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "VALKEY_URL")},
            "RAY_ADDRESS": "http://127.0.0.1:9",
            "ARPO_DATA_DIR": str(data),
        }
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                [ARPO, "up", "--no-browser", "--port", str(port)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def text(self) -> str:
        return self.said.read_text()

    def children(self) -> dict[str, dict[str, object]]:
        note = read_note(self.data, "status.json") or {"children": []}
        return {child["name"]: child for child in note["children"]}

    def pid_of(self, name: str) -> int:
        return int(str(self.children()[name]["pid"]))

    def until(self, condition: Callable[[], object], within_s: float = START_WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert self.process.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.1)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with tempfile.TemporaryDirectory(prefix="arpo-up-") as folder:
        Path(folder).chmod(0o711)
        console = Console(Path(folder), free_port())
        try:
            console.until(lambda: "All ready" in console.text())
            yield console
        finally:
            if console.process.poll() is None:
                console.process.send_signal(signal.SIGTERM)
                console.process.wait(60)


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_everything_runs_and_the_address_is_printed(console: Console) -> None:
    assert {name for name, child in console.children().items() if child["state"] == "ready"} == SERVICES
    assert status_of(f"http://127.0.0.1:{console.port}/healthz") == 200
    assert f"Open http://127.0.0.1:{console.port}/accounts/sign-in/" in console.text()


def test_another_name_for_this_machine_is_refused(console: Console) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{console.port}/healthz", headers={"Host": "rebound.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request, timeout=10)


def test_static_files_are_served(console: Console) -> None:
    some = next((BASE_DIR / "static").rglob("*.css"))
    path = some.relative_to(BASE_DIR / "static").as_posix()
    assert status_of(f"http://127.0.0.1:{console.port}/static/{path}") == 200


def test_a_second_console_on_the_same_data_is_refused(console: Console) -> None:
    done = subprocess.run(
        [ARPO, "up", "--no-browser", "--data-dir", str(console.data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"a console already runs on {console.data}: process {console.process.pid}" in done.stdout


def test_status_names_every_service(console: Console) -> None:
    done = subprocess.run(
        [ARPO, "status", "--data-dir", str(console.data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert all(name in done.stdout for name in SERVICES)


def test_a_killed_web_server_is_named_and_comes_back_where_it_was(console: Console) -> None:
    before = console.pid_of("web")
    os.kill(before, signal.SIGKILL)
    console.until(lambda: console.pid_of("web") != before and console.children()["web"]["state"] == "ready")
    assert "web ended unexpectedly (killed by signal 9)" in console.text()
    assert status_of(f"http://127.0.0.1:{console.port}/healthz") == 200


def test_a_killed_database_comes_back_with_its_rows(console: Console) -> None:
    before = console.pid_of("postgres")
    os.kill(before, signal.SIGKILL)
    console.until(lambda: console.pid_of("postgres") != before and console.children()["postgres"]["state"] == "ready")
    done = subprocess.run(
        [ARPO, "reset-password", "--link"],
        env={**os.environ, **read_note(console.data, "services.json"), "ARPO_DATA_DIR": str(console.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    link = re.search(r'"sign_in_path": "([^"]+)"', done.stdout)
    assert link is not None
    assert status_of(f"http://127.0.0.1:{console.port}{link[1]}") == 200


def test_ctrl_c_stops_everything_and_leaves_no_process(console: Console) -> None:
    family = console.family()
    assert len(family) >= len(SERVICES)
    console.process.send_signal(signal.SIGINT)
    assert console.process.wait(60) == 0
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert "nothing was left running" in console.text()
    assert holder(console.data) is None
    assert not (console.data / "run" / "services.json").exists()


def test_down_without_a_console_says_so(tmp_path: Path) -> None:
    done = subprocess.run([ARPO, "down", "--data-dir", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"No console runs on {tmp_path}.")


def test_an_unknown_command_shows_the_table_of_contents() -> None:
    done = subprocess.run([ARPO, "upp"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "there is no command 'upp'" in done.stdout
    assert "start the console" in done.stdout


@pytest.mark.parametrize("port", ["0", "70000", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    done = subprocess.run([ARPO, "up", "--port", port], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is no port; use a number from 1 to 65535" in done.stderr
