"""Settings that cannot be used fail loudly: the name, the value, the cure."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.database_url import parse_database_url
from webapp.env import (
    BASE_DIR,
    EnvError,
    envbool,
    envint,
    envlist,
    envsecret,
    envstr,
    load_dotenv,
    running_services,
    service_url,
)


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("", False)])
def test_a_switch_is_read(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("ARPO_X", text)
    assert envbool("ARPO_X", not value) is value


def test_a_switch_that_is_neither_on_nor_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_X", "maybe")
    with pytest.raises(EnvError, match=r"ARPO_X is 'maybe'; use 1 or 0"):
        envbool("ARPO_X", False)


@pytest.mark.parametrize(
    ("text", "words"), [("four", "'four'; use a whole number"), ("0", "0; use 1 or more"), ("99", "99; use 8 or less")]
)
def test_a_number_out_of_bounds_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    monkeypatch.setenv("ARPO_X", text)
    with pytest.raises(EnvError, match=words):
        envint("ARPO_X", 2, minimum=1, maximum=8)


def test_a_missing_text_without_default_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARPO_X", raising=False)
    with pytest.raises(EnvError, match=r"ARPO_X is not set; set it in the environment or in \.env"):
        envstr("ARPO_X")


def test_a_list_drops_what_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_X", "a, ,b,")
    assert envlist("ARPO_X", ["z"]) == ["a", "b"]


def test_a_secret_is_made_once_and_only_for_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARPO_X", raising=False)
    file = tmp_path / "secrets" / "x"
    first = envsecret("ARPO_X", file)
    assert envsecret("ARPO_X", file) == first
    assert len(first) >= 50
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_secret_of_the_environment_wins_and_is_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_X", "given")
    assert envsecret("ARPO_X", tmp_path / "x") == "given"
    assert not (tmp_path / "x").exists()


def test_dotenv_fills_in_and_does_not_overrule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_SET", "environment")
    monkeypatch.setenv("ARPO_FRESH", "")
    monkeypatch.delenv("ARPO_FRESH")
    (tmp_path / ".env").write_text('# a comment\nexport ARPO_FRESH="from file"\nARPO_SET=file\n')
    load_dotenv(tmp_path / ".env")
    assert os.environ["ARPO_FRESH"] == "from file"
    assert os.environ["ARPO_SET"] == "environment"


def test_a_line_of_dotenv_that_is_no_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FINE=1\nnot a setting\n")
    with pytest.raises(EnvError, match=r"\.env:2 is 'not a setting'; write KEY=VALUE"):
        load_dotenv(tmp_path / ".env")


def test_a_database_url_becomes_djangos_setting() -> None:
    setting = parse_database_url("postgresql://a%40b:p%2Fw@db.example.org:5433/arpo?sslmode=require")
    assert (setting["USER"], setting["PASSWORD"], setting["HOST"], setting["PORT"], setting["NAME"]) == (
        "a@b",
        "p/w",
        "db.example.org",
        "5433",
        "arpo",
    )
    assert setting["OPTIONS"] == {"sslmode": "require"}
    assert setting["CONN_MAX_AGE"] == 60


def test_a_process_with_a_pool_keeps_the_urls_options_and_no_connection_of_a_thread() -> None:
    setting = parse_database_url("postgresql://u:p@h/arpo?sslmode=require", pool=7)
    assert setting["OPTIONS"]["sslmode"] == "require"
    assert setting["OPTIONS"]["pool"]["max_size"] == 7
    assert setting["CONN_MAX_AGE"] == 0


def test_a_request_waits_longer_than_the_pool_pauses_so_that_a_database_that_is_back_is_found_at_once() -> None:
    pool = parse_database_url("postgresql://u:p@h/arpo", pool=7)["OPTIONS"]["pool"]
    assert pool["reconnect_timeout"] < pool["timeout"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///db.sqlite3", "only PostgreSQL works"),
        ("", "only PostgreSQL works"),
        ("postgresql://u:p@h:70000/arpo", "no number from 1 to 65535"),
        ("postgresql://u:p@h:5432", "names no database"),
    ],
)
def test_a_database_url_that_cannot_be_used_is_refused(url: str, words: str) -> None:
    with pytest.raises(EnvError, match=words):
        parse_database_url(url)


def test_a_service_is_the_environments_then_the_running_consoles_then_one_that_names_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VALKEY_URL", raising=False)
    assert "start-it-with-arpo-up" in service_url("VALKEY_URL", {}, "redis")
    assert service_url("VALKEY_URL", {"VALKEY_URL": "redis://running/0"}, "redis") == "redis://running/0"
    monkeypatch.setenv("VALKEY_URL", "redis://mine/0")
    assert service_url("VALKEY_URL", {"VALKEY_URL": "redis://running/0"}, "redis") == "redis://mine/0"


def test_torn_notes_of_a_running_console_are_refused_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "services.json").write_text("{")
    with pytest.raises(EnvError, match=r"services\.json cannot be read .*; run \./arpo down, then \./arpo up"):
        running_services(tmp_path)


def test_django_does_not_start_with_a_setting_that_cannot_be_used(tmp_path: Path) -> None:
    environment = {**os.environ, "ARPO_DATA_DIR": str(tmp_path), "ARPO_DEBUG": "perhaps"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "ARPO_DEBUG is 'perhaps'; use 1 or 0" in done.stderr
