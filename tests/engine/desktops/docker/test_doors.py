from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker import doors as module
from arpo_engine.desktops.docker.doors import Doors, home
from arpo_engine.desktops.docker.names import new_name, owner_in
from arpo_engine.desktops.owners import is_dead, owner_of


@pytest.fixture(autouse=True)
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Names of Unix sockets are short, and pytest's own folders are not.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="d") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def doors() -> Iterator[Doors]:
    made = Doors(new_name(), [5000, 9222])
    yield made
    made.close()


def echo(path: Path) -> None:
    """What a container does: listen, and send everything back."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        caller, _ = listener.accept()
        while piece := caller.recv(65536):
            caller.sendall(piece)
        caller.close()

    threading.Thread(target=serve, daemon=True).start()


def test_what_goes_in_comes_out_on_the_other_side(doors: Doors) -> None:
    echo(doors.folder / "5000")
    sent = bytes(range(256)) * 8192
    with socket.create_connection(("127.0.0.1", doors.port(5000)), timeout=10) as caller:
        threading.Thread(target=lambda: (caller.sendall(sent), caller.shutdown(socket.SHUT_WR)), daemon=True).start()
        got = b""
        while piece := caller.recv(65536):
            got += piece
    assert got == sent


def test_a_door_behind_which_nobody_listens_closes_at_once(doors: Doors) -> None:
    with socket.create_connection(("127.0.0.1", doors.port(9222)), timeout=10) as caller:
        assert caller.recv(1) == b""


def test_doors_are_open_to_this_machine_only(doors: Doors) -> None:
    assert all(listener.getsockname()[0] == "127.0.0.1" for listener in doors._listeners.values())
    assert home().stat().st_mode & 0o777 == 0o700


def test_closed_doors_let_nobody_in_and_leave_nothing() -> None:
    made = Doors(new_name(), [5000])
    port = made.port(5000)
    made.close()
    made.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    assert list(home().iterdir()) == []


def test_a_folder_that_others_may_enter_is_not_used() -> None:
    home().chmod(0o755)
    with pytest.raises(DesktopLost, match="not a folder of yours alone"):
        Doors(new_name(), [5000])


def test_a_name_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PATH", 10)
    with pytest.raises(DesktopLost, match="set TMPDIR"):
        Doors(new_name(), [5000])


def test_a_name_says_whose_it_is() -> None:
    assert owner_in(new_name()) == owner_of(os.getpid())
    assert owner_in("arpo-desk") == owner_in("some-other-odd-name") == ""


def test_only_a_process_that_is_gone_is_dead() -> None:
    assert not is_dead(owner_of(os.getpid()))
    assert is_dead("1:1") and is_dead(f"{os.getpid()}:1")
    assert not is_dead("") and not is_dead("odd:words") and not is_dead("7")
