"""What a console says of its own commands while they run, and while it stops."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil
import pytest

from webapp.supervisor import up
from webapp.supervisor.options import UpOptions
from webapp.supervisor.ports import free_port
from webapp.supervisor.terminal import Terminal

WAITS = """
import os, signal
with open(os.path.join(os.environ["ARPO_DATA_DIR"], "gate"), "w") as gate:
    gate.write(str(os.getpid()))
signal.pause()
"""
FAILS = "raise SystemExit('the recording is torn')"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> up._Session:
    for name in ("DATABASE_URL", "VALKEY_URL", "RAY_ADDRESS"):
        monkeypatch.setenv(name, "none://127.0.0.1:9/0")
    monkeypatch.setattr(up, "BASE_DIR", tmp_path)
    (tmp_path / "logs").mkdir()
    return up._Session(UpOptions(data=tmp_path, port=free_port()), Terminal())


def test_a_command_that_the_stop_cuts_off_is_ended_and_does_not_speak_over_it(
    session: up._Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manage.py").write_text(WAITS)
    os.mkfifo(tmp_path / "gate")
    loading = threading.Thread(target=session._load_examples)
    loading.start()
    pid = int((tmp_path / "gate").read_text())
    assert os.getsid(pid) == pid  # a Ctrl-C in the terminal is for the console alone
    session._stop()
    loading.join()
    assert not psutil.pid_exists(pid)
    assert "no example run" not in capsys.readouterr().out


def test_a_command_that_fails_by_itself_is_told_with_its_last_words(
    session: up._Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manage.py").write_text(FAILS)
    session._load_examples()
    assert "no example run to look at: manage.py load_example_run ended with 1: the recording is torn" in (
        capsys.readouterr().out
    )
