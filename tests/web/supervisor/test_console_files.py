"""What lies in the data dir while a console runs: the lock, the notes, how far the installation is."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.env import BASE_DIR
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.lock import console_lock, holder, read_note, write_note
from webapp.supervisor.ports import choose_port, free_port, is_free
from webapp.supervisor.setup_state import SetupState, read_state, state_file, write_state

HOLD = """
import sys, signal
from pathlib import Path
from webapp.supervisor.lock import console_lock
with console_lock(Path(sys.argv[1])):
    print("held", flush=True)
    signal.pause()
"""


def hold(data: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(data)], stdout=subprocess.PIPE, text=True, cwd=BASE_DIR)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_console_on_one_data_dir_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    other = hold(tmp_path)
    try:
        with (
            pytest.raises(SupervisorError, match=rf"already runs on .*process {other.pid}.*\./arpo down"),
            console_lock(tmp_path),
        ):
            pass
        assert holder(tmp_path) == other.pid
    finally:
        other.kill()
        other.wait()


def test_a_killed_console_holds_nothing(tmp_path: Path) -> None:
    other = hold(tmp_path)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert holder(tmp_path) is None
    with console_lock(tmp_path):
        assert read_note(tmp_path, "status.json") is None


def test_notes_with_passwords_are_for_the_owner_only(tmp_path: Path) -> None:
    write_note(tmp_path, "services.json", {"DATABASE_URL": "postgresql://arpo:secret@127.0.0.1:1/arpo"})
    file = tmp_path / "run" / "services.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert read_note(tmp_path, "services.json")["DATABASE_URL"].startswith("postgresql://")


def test_a_taken_port_leads_to_another() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        assert not is_free("127.0.0.1", wanted)
        chosen = choose_port("127.0.0.1", wanted)
        assert chosen != wanted
        assert is_free("127.0.0.1", chosen)


def test_a_free_port_is_kept() -> None:
    wanted = free_port()
    assert choose_port("127.0.0.1", wanted) == wanted


def test_the_setup_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_state(tmp_path, SetupState(phase="torch", percent=12, message="Installing torch: 9 s"))
    state = read_state(tmp_path)
    assert state is not None
    assert (state.phase, state.percent, state.done) == ("torch", 12, False)


@pytest.mark.parametrize("content", [None, "", "{", '{"phase": "torch"}'])
def test_an_absent_or_torn_setup_state_means_that_nothing_is_installed(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        state_file(tmp_path).write_text(content)
    assert read_state(tmp_path) is None
