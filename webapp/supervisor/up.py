"""`./arpo up`: from an empty machine to an open page, and then until Ctrl-C.

The console comes first and the engine behind it, so that there is something to look at within a minute.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from webapp.counted import counted
from webapp.env import BASE_DIR
from webapp.supervisor import install
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.lock import console_lock, run_folder, write_note
from webapp.supervisor.options import UpOptions
from webapp.supervisor.terminal import Terminal

if TYPE_CHECKING:  # these need the requirements that the first lines of `up` install
    from webapp.supervisor.stack import Stack
    from webapp.supervisor.supervisor import Supervisor

HURRIED_S: Final = 2.0


class StopRequested(BaseException):
    """Ctrl-C, or `./arpo down`."""


def up(options: UpOptions, terminal: Terminal) -> int:
    """Start everything and stay; returns the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _request_stop)
    try:
        with console_lock(options.data):
            terminal.say("ARPO Console")
            install_console(options, terminal)
            return _Session(options, terminal).run()
    except StopRequested:
        terminal.say("stopped")
        return 0


def install_console(options: UpOptions, terminal: Terminal) -> None:
    """The console's own requirements, and as root the system's libraries if that was asked for."""
    from webapp.supervisor.libraries import install_missing_libraries

    log = options.data / "logs" / "setup.log"
    if not install.is_installed(install.WEB):
        stage = install.WEB

        def report(elapsed_s: float) -> None:
            terminal.live(f"  … {stage.title}: {elapsed_s:.0f} s (usually {stage.usual_s} s)")

        with terminal.step(stage.title):
            install.install(stage, log, report)
    if options.install_system_packages:
        with terminal.step("Installing missing system libraries"):
            install_missing_libraries(log)


def _request_stop(number: int, frame: FrameType | None) -> None:
    raise StopRequested


class _Session:
    """One run of the console, from the first server to the last."""

    def __init__(self, options: UpOptions, terminal: Terminal) -> None:
        from webapp.supervisor.engine_setup import EngineSetup
        from webapp.supervisor.leftovers import end_leftovers
        from webapp.supervisor.stack import STOP_ORDER, Stack
        from webapp.supervisor.supervisor import Supervisor

        self.options = options
        self.terminal = terminal
        ended = end_leftovers(options.data)
        if ended:
            terminal.say(
                f"  {terminal.warn} ended {counted(ended, 'process', 'processes')} that an earlier start left behind"
            )
        self.stack: Stack = Stack(options)
        self.supervisor: Supervisor = Supervisor(tell=self._tell, changed=self._write_notes, stop_order=STOP_ORDER)
        self.setup = EngineSetup(options.data, terminal, here=self.stack.ray is not None)
        self._engine_seen = self._ready_seen = False
        self._stopping = threading.Event()
        self._commands: set[subprocess.Popen[str]] = set()

    def run(self) -> int:
        try:
            self._start_console()
            self.setup.start()
            self.supervisor.watch(self._look_at_engine)
        except StopRequested:
            return 0
        except SupervisorError as error:
            self.terminal.say(f"  {self.terminal.bad} {error}")
            return 1
        finally:
            self._stop()

    def _start_console(self) -> None:
        if self.stack.port != self.options.port:
            self.terminal.say(f"  {self.terminal.warn} port {self.options.port} is taken; using {self.stack.port}")
        titles = {"postgres": "Starting PostgreSQL", "valkey": "Starting Valkey"}
        for spec in self.stack.server_specs():
            with self.terminal.step(titles[spec.name]):
                self.supervisor.start(spec)
        write_note(self.options.data, "services.json", self.stack.services())
        with self.terminal.step("Preparing the database, starting the web server"):
            # Side by side: most of either is loading code, and nobody knows the address before both are done.
            web = self.supervisor.start(self.stack.web_spec(), wait=False)
            ready = self._manage_json("prepare_console")
            web.wait_ready()
        self._invite(ready)
        for spec in (self.stack.worker_spec(), self.stack.beat_spec()):
            self.supervisor.start(spec, wait=False)
        # The page is open already; what there is to look at meanwhile follows within seconds.
        threading.Thread(target=self._load_examples, name="examples", daemon=True).start()

    def _load_examples(self) -> None:
        try:
            self._manage("load_example_run")
        except SupervisorError as error:
            # A command that was ended because everything ends has nothing to say.
            if not self._stopping.is_set():
                self.terminal.say(f"  {self.terminal.warn} no example run to look at: {error}")

    def _invite(self, ready: dict[str, Any]) -> None:
        link = f"{self.stack.address}{ready['sign_in_path']}"
        self.terminal.say()
        self.terminal.say(f"  Open {link}")
        self.terminal.say(f"  (signs you in as {ready['username']}, once; later visits: {self.stack.address})")
        self.terminal.say("  Ctrl-C stops everything.")
        self.terminal.say()
        if self.options.browser and _has_browser():
            webbrowser.open(link)

    def _look_at_engine(self) -> None:
        """Called at every tick: start Ray when its packages are there, and tell when everything is."""
        if self.setup.installed.is_set() and not self._engine_seen:
            self._engine_seen = True
            self._engine_installed()
        if self._engine_seen and not self._ready_seen and self._all_ready():
            self._ready_seen = True
            self.setup.say_done()
            self.terminal.say("  All ready: runs can be started.")
            if self.options.demo:
                self._start_demo()

    def _engine_installed(self) -> None:
        if self.setup.error is not None:
            self.terminal.say(f"  {self.terminal.bad} {self.setup.error}")
            self.terminal.say("  The pages stay open; run ./arpo up again to go on with the installation.")
            return
        for warning in self.setup.warnings:
            self.terminal.say(f"  {self.terminal.warn} {warning}")
        spec = self.stack.ray_spec()
        if spec is not None:
            self.setup.say_ray_starts()
            self.supervisor.start(spec, wait=False)

    def _all_ready(self) -> bool:
        if self.setup.error is not None:
            return False
        return all(child["state"] == "ready" for child in self.supervisor.describe())

    def _start_demo(self) -> None:
        try:
            started = self._manage_json("start_demo")
        except SupervisorError as error:
            self.terminal.say(f"  {self.terminal.bad} {error}")
            return
        self.terminal.say(f"  The demo run is queued: {self.stack.address}{started['path']}")

    def _manage_json(self, command: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._manage(command).strip().splitlines()[-1])
        return answer

    def _manage(self, command: str) -> str:
        """Run one of Django's commands to its end and return what it printed."""
        code, printed, complaints = self._run_command([sys.executable, str(BASE_DIR / "manage.py"), command])
        log = self.options.data / "logs" / "setup.log"
        with log.open("a", encoding="utf-8") as out:
            out.write(f"\n$ manage.py {command}\n{complaints}")
        if code != 0:
            last = complaints.strip().splitlines()[-1:] or ["it said nothing"]
            raise SupervisorError(f"manage.py {command} ended with {code}: {last[0]}; log: {log}")
        return printed

    def _run_command(self, argv: list[str]) -> tuple[int, str, str]:
        """Exit code, output and complaints. Ctrl-C in the terminal does not reach it: `_stop` ends it, in its turn."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            argv,
            env=self.stack.environment(),
            cwd=BASE_DIR,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        ) as running:
            self._commands.add(running)
            try:
                printed, complaints = running.communicate()
            except BaseException:
                running.kill()
                raise
            finally:
                self._commands.discard(running)
        return running.returncode, printed, complaints

    def _tell(self, text: str) -> None:
        self.terminal.say(f"  {text}")

    def _write_notes(self) -> None:
        from webapp.supervisor.leftovers import remember

        note = {"pid": os.getpid(), "address": self.stack.address, "children": self.supervisor.describe()}
        write_note(self.options.data, "status.json", note)
        remember(self.options.data, [c["pid"] for c in self.supervisor.describe() if c["pid"] is not None])

    def _stop(self) -> None:
        """In order; a second Ctrl-C hurries, and nothing is left either way."""
        self._stopping.set()
        for command in list(self._commands):
            command.terminate()
        self.terminal.live("")
        self.terminal.say("\n  Stopping …")
        try:
            self.supervisor.stop_all()
        except StopRequested:
            self.terminal.say("  Hurrying …")
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            self.supervisor.stop_all(within_s=HURRIED_S)
        for name in ("services.json", "status.json", "children.json"):
            (run_folder(self.options.data) / name).unlink(missing_ok=True)
        self.terminal.say("  Everything is stopped; nothing was left running.")


def _has_browser() -> bool:
    if os.environ.get("CI") or os.environ.get("SSH_CONNECTION"):
        return False
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        with suppress(webbrowser.Error):
            webbrowser.get()
            return True
    return False


def data_folder(text: str | None) -> Path:
    """The data dir of a command line, or of the environment."""
    from webapp.env import data_dir

    return Path(text).expanduser().resolve() if text else data_dir()
