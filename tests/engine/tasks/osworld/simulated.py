"""Simulated: a desktop that is a small HTTP server, and a package `desktop_env` that is a few lines of our own.

The server speaks what setup and scoring ask for of OSWorld's protocol; commands run in a shell of this machine. The
package has the names of the real one and does what a test needs: give a score, raise, hang, die. What the real package
makes of the same server is in test_real_package.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.home import START, ScoringHome
from arpo_engine.tasks.osworld.scoring import DesktopAddress

PACKAGE = {
    "__init__.py": "",
    "evaluators/__init__.py": "",
    "evaluators/getters/__init__.py": "",
    "evaluators/metrics/__init__.py": "from .plain import (exact_match, check_list, check_csv, check_json,\n"
    "    compare_table, compare_config)\nfrom .sounds import compare_audios\nfrom .broken import check_libre_locale\n",
    "evaluators/metrics/sounds.py": "import librosa\ndef compare_audios(env): return librosa.load(1)\n",
    "evaluators/metrics/broken.py": "import no_such_package\n",
    "evaluators/metrics/plain.py": """
        import os, time, requests
        def exact_match(env):
            return float(env.task.get("score", 1.0))
        def check_list(env):
            raise ValueError("the evaluator is wrong")
        def check_csv(env):
            os._exit(7)
        def check_json(env):
            return float("nan")
        def compare_table(env):
            if env.task.get("leaves"):
                import subprocess
                subprocess.Popen(["sleep", env.task["leaves"]], start_new_session=True)
            time.sleep(600)
        def compare_config(env):
            try:
                requests.get(f"http://{env.vm_ip}:{env.server_port}/drop")
            except requests.RequestException:
                return 0.0
            return 1.0
    """,
    "controllers/__init__.py": "",
    "controllers/setup.py": """
        import os, requests
        class PythonController:
            def __init__(self, vm_ip, server_port): pass
        class SetupController:
            def __init__(self, vm_ip, server_port, cache_dir, **more):
                self.server, self.cache_dir = f"http://{vm_ip}:{server_port}", cache_dir
            def reset_cache_dir(self, folder): self.cache_dir = folder
            def setup(self, config, use_proxy):
                for step in config:
                    if step["type"] == "sleep":
                        raise Exception("a step failed")
                    if step["type"] == "execute":
                        requests.post(self.server + "/setup/execute", json=step["parameters"])
                    for file in step["parameters"].get("files", []):
                        requests.get(file["url"]) if "fetch" in file["path"] else None
                return True
    """,
    "desktop_env.py": """
        from desktop_env.evaluators import metrics
        class DesktopEnv:
            def __init__(self): raise AssertionError("the constructor starts a machine")
            def _set_task_info(self, task):
                self.task, self.config, self.evaluator = task, task.get("config", []), task["evaluator"]
                self.cache_dir = self.cache_dir_base + "/" + task["id"]
            def evaluate(self):
                if self.evaluator["func"] == "infeasible":
                    return int(self.action_history[-1:] == ["FAIL"])
                return getattr(metrics, self.evaluator["func"])(self)
    """,
}
"""Simulated, not recorded."""


def install_package(folder: Path) -> None:
    """Write the simulated package, under the real one's name and version."""
    for name, text in PACKAGE.items():
        file = folder / "desktop_env" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    about = folder / "desktop_env-1.0.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: desktop-env\nVersion: 1.0.2\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedHome(ScoringHome):
    """This Python, with the simulated package."""

    packages: Path

    def command(self, scratch: Path) -> list[str]:
        return [
            str(self.python),
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(self.packages)!r}); {START}",
            str(scratch),
        ]


def simulated_home(packages: Path) -> SimulatedHome:
    """As this user, whoever that is: the code is ours."""
    return SimulatedHome(python=Path(sys.executable), user=None, packages=packages)


@dataclass(slots=True)
class FakeDesktop:
    """A desktop that is a server."""

    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """(method and path, headers) in order."""
    files: dict[str, bytes] = field(default_factory=dict)
    """What POST /file gives, by path."""
    dies_at: str = ""
    """A path whose call is dropped, and every later one."""
    drops: str = ""
    """A path whose calls alone are dropped."""
    garbage: bool = False
    """Answers to commands are no JSON."""
    server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> DesktopAddress:
        assert self.server is not None
        return DesktopAddress(server_port=self.server.server_address[1], headers={"X-Token": "secret"})

    def start(self) -> None:
        desktop = self

        class Handler(_Handler):
            owner = desktop

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    owner: FakeDesktop

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        self.owner.calls.append((f"{self.command} {self.path}", dict(self.headers)))
        if self.owner.drops == self.path:
            self.close_connection = True
            return
        if self.owner.dies_at and any(self.owner.dies_at in call for call, _ in self.owner.calls):
            self.close_connection = True
            return
        if self.path == "/platform":
            self._send(200, b"Linux")
        elif self.path == "/terminal":
            self._send(200, json.dumps({"output": None, "status": "success"}).encode())
        elif self.path in ("/execute", "/setup/execute"):
            self._send(200, b"\xff<html>" if self.owner.garbage else _executed(json.loads(body)))
        elif self.path == "/file":
            path = body.decode().partition("=")[2].replace("%2F", "/").replace("%7E", "~")
            found = self.owner.files.get(path)
            self._send(404, b'{"error": "File not found"}') if found is None else self._send(200, found)
        else:
            self._send(404, b"{}")

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _executed(request: dict[str, Any]) -> bytes:
    command = request["command"]
    if isinstance(command, list) and command[0] == "python":
        # OSWorld's client puts an import of pyautogui before everything that it sends; there is no mouse here.
        plain = [
            word.replace("import pyautogui;", "").replace("pyautogui.FAILSAFE = False;", "") for word in command[1:]
        ]
        command = [sys.executable, *(word.strip() for word in plain)]
    done = subprocess.run(command, shell=bool(request.get("shell")), capture_output=True, text=True, check=False)
    answer = {"status": "success", "output": done.stdout, "error": done.stderr, "returncode": done.returncode}
    return json.dumps(answer).encode()


def task_of(func: str | list[str] = "exact_match", **more: Any) -> Task:
    """A task that is scored by a function."""
    evaluator = {"func": func, **more.pop("evaluator", {})}
    return Task.model_validate({"id": "one", "instruction": "Do it", "evaluator": evaluator, **more})
