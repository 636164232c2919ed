"""What every test stands on: an own data dir, and the real PostgreSQL and Valkey, started when a test first needs them.

Where they will listen is decided before Django reads its settings; a DATABASE_URL or VALKEY_URL that is set wins.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from webapp.supervisor.services import Postgres, Valkey

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

DATA = Path(tempfile.mkdtemp(prefix="arpo-tests-"))
DATA.chmod(0o711)  # the database's unprivileged user walks through
atexit.register(shutil.rmtree, DATA, ignore_errors=True)
os.environ["ARPO_DATA_DIR"] = str(DATA)

_postgres = None if os.environ.get("DATABASE_URL") else Postgres(DATA)
_valkey = None if os.environ.get("VALKEY_URL") else Valkey(DATA)
if _postgres is not None:
    os.environ["DATABASE_URL"] = _postgres.url
if _valkey is not None:
    os.environ["VALKEY_URL"] = _valkey.url


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of the running database server."""
    if _postgres is not None:
        _postgres.start()
    yield os.environ["DATABASE_URL"]
    if _postgres is not None:
        _postgres.stop()


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    """The URL of the running Valkey."""
    if _valkey is not None:
        _valkey.start()
    yield os.environ["VALKEY_URL"]
    if _valkey is not None:
        _valkey.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres: str) -> None:
    """pytest-django asks for this before it makes the test database."""
