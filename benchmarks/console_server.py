"""A console for measuring: its own Postgres and Valkey, a made-up year of runs, the web server as a process of its own.

Everything is in a folder that is deleted at the end. CPU is counted over the web server and the database together:
work that is handed to the database is still the console's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

ROOT = Path(__file__).resolve().parents[1]
READY_WITHIN_S = 120.0
VIEWER = "mira"
"""A member of the made-up team (webapp/api/history/recipes.py)."""


@dataclass(frozen=True, slots=True)
class Console:
    """A running console that nobody else uses."""

    url: str
    web: psutil.Process
    database: psutil.Process
    cookies: dict[str, str]
    """What a browser of a signed-in person sends."""
    environment: dict[str, str]

    def session(self) -> requests.Session:
        """A client of that person which keeps its connection open."""
        session = requests.Session()
        session.cookies.update(self.cookies)
        return session

    def cpu_s(self) -> float:
        """Seconds of processor time so far, of the web server and the database."""
        return tree_cpu_s(self.web) + tree_cpu_s(self.database)

    def web_mb(self) -> float:
        """Memory of the web server that is its own: RSS without what is shared would flatter it, so RSS."""
        tree = [self.web, *self.web.children(recursive=True)]
        return sum(process.memory_info().rss for process in tree) / 1e6


@contextmanager
def console(*, runs: int, episodes: int, told: object = sys.stderr) -> Iterator[Console]:
    """Start one, fill it, and end it with everything it wrote. Django is set up in this process for its database."""
    from webapp.supervisor.services import Postgres, Valkey

    data = Path(tempfile.mkdtemp(prefix="arpo-bench-console-"))
    data.chmod(0o711)  # the database's unprivileged user walks through
    postgres, valkey = Postgres(data), Valkey(data)
    try:
        postgres.start()
        valkey.start()
        environment = _environment(data, postgres.url, valkey.url)
        os.environ.update(environment)
        _manage("migrate", "--verbosity", "0")
        _manage("fill_history", "--runs", str(runs), "--episodes", str(episodes))
        port, web = _start_web(environment)
        try:
            assert postgres.process is not None
            yield Console(
                url=f"http://127.0.0.1:{port}",
                web=psutil.Process(web.pid),
                database=psutil.Process(postgres.process.pid),
                cookies=_signed_in(),
                environment=environment,
            )
        finally:
            web.terminate()
            web.wait(30)
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(data, ignore_errors=True)


def _environment(data: Path, database: str, bus: str) -> dict[str, str]:
    return {
        "ARPO_DATA_DIR": str(data),
        "DATABASE_URL": database,
        "VALKEY_URL": bus,
        "DJANGO_SETTINGS_MODULE": "webapp.settings",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "RAY_ADDRESS": "http://127.0.0.1:1",  # no run is started here
    }


def _manage(*words: str) -> None:
    """As `./arpo up` does it: what these import is compiled when the web server starts."""
    from webapp.supervisor.stack import inherited

    command = [sys.executable, str(ROOT / "manage.py"), *words]
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=True, env=inherited())


def _start_web(environment: dict[str, str]) -> tuple[int, subprocess.Popen[bytes]]:
    """As `./arpo up` starts it (webapp/supervisor/stack.py)."""
    from webapp.supervisor.ports import free_port
    from webapp.supervisor.stack import LEAN, SOCKETS, inherited

    port = free_port()
    flags = ["--port", str(port), "--lifespan", "off", "--no-access-log", "--log-level", "warning", *SOCKETS]
    command = [sys.executable, "-m", "uvicorn", "webapp.asgi:application", *flags]
    web = subprocess.Popen(command, cwd=ROOT, env={**LEAN, **inherited(), **environment}, stdout=sys.stderr)
    until = time.monotonic() + READY_WITHIN_S
    while not _answers(port):
        if web.poll() is not None or time.monotonic() > until:
            web.kill()
            raise SystemExit("the console's web server did not start; see above")
        time.sleep(0.1)
    return port, web


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):  # not there yet, or busy with beginning
        return False


def _signed_in() -> dict[str, str]:
    """A session of the viewer, made in the database: signing in is not what is measured."""
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from webapp.accounts.models import User

    viewer = User.objects.get(username=VIEWER)
    session = SessionStore()
    session[SESSION_KEY] = str(viewer.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = viewer.get_session_auth_hash()
    session.create()
    return {settings.SESSION_COOKIE_NAME: str(session.session_key)}


def tree_cpu_s(process: psutil.Process) -> float:
    """Time of the process, of those below it, and of those below it that have ended."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
