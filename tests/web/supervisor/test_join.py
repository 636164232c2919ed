"""`./arpo join`: who answers, what is refused before Ray starts, the command it gives to Ray, and leaving."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest

from arpo_engine.contract.events import WIRE_VERSION
from webapp.supervisor import cli, join
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.options import UpOptions
from webapp.supervisor.ports import require_own_address
from webapp.supervisor.rayhead import RayHead
from webapp.supervisor.stack import Stack
from webapp.supervisor.terminal import Terminal

HEAD = "127.0.0.1:6379"
GOOD = {
    "head": HEAD,
    "ray_token": "ray-secret-word",
    "contract": WIRE_VERSION,
    "python": platform.python_version(),
    "ray": metadata.version("ray"),
}


class Console:
    """Answers every question with the same words."""

    def __init__(self) -> None:
        self.status, self.body = 200, GOOD
        self.asked: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append({"path": self.path, "token": self.headers["Authorization"], **asked})
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(json.dumps(outer.body).encode())

            def log_message(self, *words: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()


@pytest.fixture
def stayed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The programs that would have been run."""
    programs: list[Any] = []
    monkeypatch.setattr(join, "_stay", lambda program, log, terminal, where: programs.append(program) or 0)
    monkeypatch.setattr(join, "_found_gpus", lambda: 2)
    return programs


def options(there: Console, tmp_path: Path, **changes: Any) -> join.JoinOptions:
    return join.JoinOptions(**{"console": there.address, "token": "join_word", "data": tmp_path, **changes})


def test_ray_is_started_as_arpo_starts_it(console: Console, stayed: list[Any], tmp_path: Path):
    assert join.join(options(console, tmp_path, desktops=8, node_ip="127.0.0.1"), Terminal()) == 0
    (asked,) = console.asked
    assert (asked["path"], asked["token"]) == ("/api/v1/join", "Bearer join_word")
    assert (asked["ray"], asked["contract"]) == (GOOD["ray"], WIRE_VERSION)
    (program,) = stayed
    words = program.argv[1:]
    assert words[:4] == ("start", f"--address={HEAD}", "--node-ip-address=127.0.0.1", "--num-gpus=2")
    resources = json.loads(next(word for word in words if word.startswith("--resources=")).partition("=")[2])
    assert resources == {"docker:127.0.0.1": 8, "desktop": 8, "gpu_host": 1}
    assert (program.env["RAY_AUTH_MODE"], program.env["RAY_AUTH_TOKEN"]) == ("token", "ray-secret-word")
    assert program.env["ARPO_NODE_PYTHON"] == sys.executable
    assert join.TOKEN not in program.env and not any("secret" in word for word in words)


def test_the_console_is_asked_directly_whatever_proxy_the_machine_has(
    console: Console, stayed: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    join.join(options(console, tmp_path, node_ip="127.0.0.1"), Terminal())
    assert len(console.asked) == 1


def test_a_machine_that_lends_nothing_of_a_kind_names_none(console: Console, stayed: list[Any], tmp_path: Path):
    join.join(options(console, tmp_path, gpus=0, node_ip="127.0.0.1"), Terminal())
    assert not any(word.startswith("--resources") for word in stayed[0].argv)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ray": "2.1.0"}, "runs Ray 2.1.0 and this machine"),
        ({"python": "3.9.1"}, "runs Python 3.9.1 and this machine"),
        ({"contract": WIRE_VERSION + 1}, "update the engine"),
        ({"head": None}, "gave no answer that ./arpo join knows"),
    ],
)
def test_what_does_not_fit_is_refused_before_ray_starts(
    console: Console, stayed: list[Any], tmp_path: Path, changes: dict[str, Any], said: str
):
    console.body = GOOD | changes
    with pytest.raises(SupervisorError, match=said):
        join.join(options(console, tmp_path), Terminal())
    assert not stayed


def test_the_console_s_own_words_are_passed_on(console: Console, stayed: list[Any], tmp_path: Path):
    console.status, console.body = 403, {"detail": "This join token is used. Make a new one."}
    with pytest.raises(SupervisorError, match=r"This join token is used"):
        join.join(options(console, tmp_path), Terminal())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"console": "http://127.0.0.1:9"}, "no console answers at .*arpo up --node-ip"),
        ({"console": "10.0.0.1"}, "is no address of a console"),
        ({"gpus": 3}, "--gpus is 3, and nvidia-smi names 2"),
        ({"node_ip": "203.0.113.7"}, "this machine has no such address"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(
    console: Console, stayed: list[Any], tmp_path: Path, changes: dict[str, Any], said: str
):
    with pytest.raises(SupervisorError, match=said):
        join.join(options(console, tmp_path, **changes), Terminal())


def test_without_a_token_the_page_that_makes_one_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv(join.TOKEN, raising=False)
    monkeypatch.setattr(cli, "_ensure", lambda *stages: None)
    assert cli.main(["join", "http://127.0.0.1:9"]) == 1
    assert "its page Machines" in capsys.readouterr().out


def test_ctrl_c_leaves_and_nothing_is_left_running(tmp_path: Path):
    node = tmp_path / "ray"
    node.write_text(
        "#!/bin/sh\ntrap 'sleep 2; exit' TERM\nsleep 600 &\necho $! > pid\necho 'Ray runtime started.'\nwait\nwait\n"
    )
    node.chmod(0o755)
    program = (
        "import sys; from pathlib import Path; from webapp.supervisor import join; from webapp.supervisor.logs import "
        "RotatingLog; from webapp.supervisor.process import Program; from webapp.supervisor.terminal import Terminal; "
        f"p = Program(name='node', argv=({str(node)!r},), cwd=Path({str(tmp_path)!r})); "
        f"sys.exit(join._stay(p, RotatingLog(Path({str(tmp_path / 'log')!r})), Terminal(), 'there'))"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    said = ""
    while "Ctrl-C leaves" not in said:
        line = running.stdout.readline()
        assert line, said
        said += line
    os.kill(running.pid, signal.SIGINT)
    time.sleep(1)
    os.kill(running.pid, signal.SIGINT)  # the node takes its time to leave, and the person is impatient
    rest, _ = running.communicate(timeout=60)
    assert running.returncode == 0 and "nothing was left running" in rest
    left = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(left) or psutil.Process(left).status() == psutil.STATUS_ZOMBIE


def test_a_console_that_others_may_join_names_its_own_address_and_one_alone_stays_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("ARPO_REPORT_URL", raising=False)
    alone = Stack(UpOptions(data=tmp_path / "a", port=18431)).services()
    assert alone["RAY_HEAD_ADDRESS"].startswith("127.0.0.1:")
    assert alone["ARPO_REPORT_URL"].startswith("http://127.0.0.1:")
    open_to_all = Stack(UpOptions(data=tmp_path / "b", port=18431, host="0.0.0.0", node_ip="127.0.0.2")).services()
    assert open_to_all["RAY_HEAD_ADDRESS"].startswith("127.0.0.2:")
    assert open_to_all["ARPO_REPORT_URL"].startswith("http://127.0.0.2:")
    assert open_to_all["RAY_ADDRESS"].startswith("http://127.0.0.1:"), "jobs are submitted from this machine only"


def test_the_head_listens_where_it_is_told_and_jobs_see_the_secrets_that_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    head = RayHead(tmp_path, tmp_path, node_ip="127.0.0.2")
    own = {"DATABASE_URL": "postgresql://a:b@c/d", "VALKEY_URL": "redis://:b@c", "SECRET_KEY": "django"}
    program = head._program({"RAY_ADDRESS": "elsewhere", "HF_HOME": "/models", **own})
    assert program.env["HF_HOME"] == "/models" and not {"RAY_ADDRESS", *own} & set(program.env)
    for variable in ("ARPO_RUN_SECRETS", "RAY_AUTH_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    secrets = {
        "HF_TOKEN": "hf_1",
        "GATEWAY_API_KEY": "key",
        "https_proxy": "http://a:word@p",
        "PIP_URL": "http://a:b@c",
    }
    seen = set(head._program(secrets).env)
    assert {"HF_TOKEN", "https_proxy"} <= seen and not {"GATEWAY_API_KEY", "PIP_URL"} & seen
    monkeypatch.setenv("ARPO_RUN_SECRETS", "GATEWAY_API_KEY")
    seen = set(head._program(secrets).env)
    assert "GATEWAY_API_KEY" in seen and "HF_TOKEN" not in seen, "the list says all that runs may have"
    assert "--node-ip-address=127.0.0.2" in program.argv and f"--port={head.port}" in program.argv
    assert "--dashboard-host=127.0.0.1" in program.argv
    head.folder.rmdir()


def test_an_address_of_another_machine_is_refused():
    require_own_address("127.0.0.1")
    with pytest.raises(SupervisorError, match=r"--node-ip is 203.0.113.7"):
        require_own_address("203.0.113.7")
