"""What the console consists of, as children of the supervisor: servers, web, worker, beat, Ray head.

Decides ports and addresses once, so that a part that is started again is found where it was.
"""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

import psutil

from webapp.env import BASE_DIR
from webapp.supervisor import rayhead
from webapp.supervisor.child import Spec
from webapp.supervisor.lock import run_folder
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.options import UpOptions
from webapp.supervisor.ports import LOOPBACK, choose_port
from webapp.supervisor.postgres import Postgres
from webapp.supervisor.process import Program
from webapp.supervisor.queuewatch import QueueWatch
from webapp.supervisor.valkey import Valkey

EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})
SOCKETS: Final = ("--ws-per-message-deflate", "false")
"""Small messages to many pages: compressing each for each costs more than it saves, in time and in memory."""
LEAN: Final = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For the C library of the web server, which gives each request a thread: few heaps for all of them, and what a batch
of screenshots took goes back to the system instead of staying for the next one."""
UNCOMPILED: Final = "PYTHONDONTWRITEBYTECODE"
"""Kept from our children: with it each of them compiles all that it imports at each start, which takes seconds and
leaves 16 MB behind in the web server."""
STOP_ORDER: Final = ("beat", "worker", "ray", "web", "valkey", "postgres")
"""Ray before the web, so that the last events of a run that is cut off still arrive."""


def inherited() -> dict[str, str]:
    """What our children keep of this process' environment."""
    return {name: value for name, value in os.environ.items() if name != UNCOMPILED}


class Stack:
    """The parts of one console and the environment that they share."""

    def __init__(self, options: UpOptions) -> None:
        self.options = options
        self.data = options.data
        self.logs = options.data / "logs"
        self.port = choose_port(options.host, options.port)
        own_database, own_bus = not os.environ.get("DATABASE_URL"), not os.environ.get("VALKEY_URL")
        self.postgres = Postgres(self.data) if own_database else None
        self.valkey = Valkey(self.data) if own_bus else None
        own_cluster = not os.environ.get("RAY_ADDRESS")
        self.ray = rayhead.RayHead(self.data, self.logs, options.node_ip) if own_cluster else None

    @property
    def address(self) -> str:
        """Where a person opens the console."""
        host = "localhost" if self.options.host in EVERY_ADDRESS else self.options.host
        return f"http://{host}:{self.port}"

    def services(self) -> dict[str, str]:
        """Addresses for other commands of this data dir, and for the children."""
        found = {
            "DATABASE_URL": self.postgres.url if self.postgres else os.environ["DATABASE_URL"],
            "VALKEY_URL": self.valkey.url if self.valkey else os.environ["VALKEY_URL"],
            "ARPO_REPORT_URL": os.environ.get("ARPO_REPORT_URL") or self._reporting_address(),
            "ARPO_PUBLIC_URL": self.address,
        }
        if self.ray is None:
            return found | {"RAY_ADDRESS": os.environ["RAY_ADDRESS"]}
        return found | {"RAY_ADDRESS": self.ray.address, "RAY_HEAD_ADDRESS": self.ray.joined_at} | self.ray.auth()

    def environment(self) -> dict[str, str]:
        """What every child of ours sees."""
        return {
            **inherited(),
            **self.services(),
            "ARPO_DATA_DIR": str(self.data),
            "ARPO_ALLOWED_HOSTS": ",".join(allowed_hosts(self.options.host)),
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            "PYTHONPATH": str(BASE_DIR),
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        }

    def server_specs(self) -> list[Spec]:
        """Database and bus, unless they are somebody else's."""
        specs = []
        if self.postgres is not None:
            specs.append(
                Spec(
                    name="postgres",
                    log=self.postgres.log,
                    program=self.postgres.prepare,
                    ready=self.postgres.answers,
                    when_ready=self.postgres.ensure_database,
                )
            )
        if self.valkey is not None:
            specs.append(
                Spec(name="valkey", log=self.valkey.log, program=self.valkey.prepare, ready=self.valkey.answers)
            )
        return specs

    def web_spec(self) -> Spec:
        """The web server; ready when it answers and reaches its database."""
        argv = ("uvicorn", "webapp.asgi:application", "--host", self.options.host, "--port", str(self.port))
        flags = ("--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "5", *SOCKETS)
        return Spec(
            name="web",
            log=RotatingLog(self.logs / "web.log"),
            program=lambda: self._python("web", *argv, *flags, given={**LEAN, **self.environment()}),
            ready=self._web_answers,
        )

    def worker_spec(self) -> Spec:
        """The queue's worker. Its tasks are short, so a stop waits for them."""
        argv = ("celery", "-A", "webapp.celery", "worker", "--loglevel", "INFO")
        flags = ("--without-gossip", "--without-mingle", "--hostname", "worker@%h")
        log = RotatingLog(self.logs / "worker.log")
        return Spec(
            name="worker",
            log=log,
            program=lambda: self._python("worker", *argv, *flags),
            ready=lambda: any(" ready." in line for line in log.tail()),
            stuck=QueueWatch(self.services()["VALKEY_URL"]),
            essential=False,
        )

    def beat_spec(self) -> Spec:
        """The clock of the periodic tasks."""
        schedule = run_folder(self.data) / "beat-schedule"
        argv = (
            "celery",
            "-A",
            "webapp.celery",
            "beat",
            "--loglevel",
            "INFO",
            "--schedule",
            str(schedule),
            "--pidfile=",
        )
        log = RotatingLog(self.logs / "beat.log")
        return Spec(
            name="beat",
            log=log,
            program=lambda: self._python("beat", *argv),
            ready=lambda: any("beat: Starting" in line for line in log.tail()),
            essential=False,
        )

    def ray_spec(self) -> Spec | None:
        """The local Ray head, once its packages are there; None when the cluster is somebody else's."""
        if self.ray is None:
            return None
        return self.ray.spec(self.environment())

    def _python(self, name: str, *module_and_words: str, given: Mapping[str, str] | None = None) -> Program:
        return Program(
            name=name,
            argv=(sys.executable, "-m", *module_and_words),
            env=given or self.environment(),
            cwd=BASE_DIR,
            stop_within_s=15.0,
        )

    def _reporting_address(self) -> str:
        """Where engines find the console: from other machines too, if others may join."""
        node_ip = self.options.node_ip
        return self._loopback_address() if node_ip == LOOPBACK else f"http://{node_ip}:{self.port}"

    def _loopback_address(self) -> str:
        host = LOOPBACK if self.options.host in EVERY_ADDRESS else self.options.host
        return f"http://{host}:{self.port}"

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._loopback_address()}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def allowed_hosts(host: str) -> list[str]:
    """The names under which the console may be asked for; a name that is not ours could be a rebinding attack."""
    names = {"localhost", LOOPBACK, "[::1]"}
    if host in EVERY_ADDRESS:
        names |= {socket.gethostname(), socket.getfqdn()}
        for addresses in psutil.net_if_addrs().values():
            names |= {a.address for a in addresses if a.family == socket.AF_INET}
    else:
        names.add(host)
    extra = [name.strip() for name in os.environ.get("ARPO_ALLOWED_HOSTS", "").split(",") if name.strip()]
    return sorted(names | set(extra))
