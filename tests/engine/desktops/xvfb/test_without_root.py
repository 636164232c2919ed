"""An engine without root: its desktop's user is, to the kernel, the person, and still finds nothing of theirs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.server import closed_root
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from tests.engine.desktops.xvfb.conftest import shell

ROOT = Path(__file__).resolve().parents[4]
PERSON = "nobody"
"""An account without rights that every system has, where the tests are run by root."""
BECOME = f"""
import encodings.idna, json, os, pwd, sys
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from tests.engine.desktops.xvfb.conftest import CONFIG, shell
if os.geteuid() == 0:
    person = pwd.getpwnam({PERSON!r})
    os.setgroups([])
    os.setgid(person.pw_gid)
    os.setuid(person.pw_uid)
"""
"""Python that may lie where the person cannot look is imported first."""
PROBE = "sys.exit(requirements.missing() or 0)"
ENGINE = """
machine = XvfbProvider(CONFIG).start()
client = DesktopClient(machine, 30)
said = [shell(client, command) for command in json.loads(sys.argv[1])]
print(json.dumps({"said": said, "brightness": float(client.look().std())}))
machine.close()
"""


def as_person(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a script as somebody without root: who runs the tests, or where that is root, somebody else."""
    command = [sys.executable, "-B", "-c", BECOME + script, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)


@pytest.fixture
def owned() -> Iterator[Path]:
    """A folder of the person beside /home and /tmp, with a file that only they can read."""
    place = next((one for one in ("/srv", "/opt", "/mnt", "/var/lib") if os.access(one, os.W_OK)), None)
    if place is None:
        pytest.skip("nobody but root has a folder beside /home and /tmp here")
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        folder.joinpath("diary.txt").write_text("dear diary", encoding="utf-8")
        for one in (folder, folder / "diary.txt"):
            one.chmod(0o700)
            if os.geteuid() == 0:
                shutil.chown(one, PERSON)
        yield folder


@pytest.fixture(scope="module")
def person_can() -> None:
    """Skips where no such person can have a desktop, with the reason."""
    done = as_person(PROBE)
    if done.returncode != 0:
        pytest.skip(f"without root there is no desktop here: {done.stderr.strip()[-300:]}")


def test_what_the_person_can_read_is_not_there(person_can: None, owned: Path) -> None:
    diary = owned / "diary.txt"
    assert as_person(f"print(open({str(diary)!r}).read())").stdout == "dear diary\n", "outside"
    commands = [
        f"cat {diary} 2>&1",
        f"ls -d {owned} {ROOT} /root /srv /mnt /old 2>/dev/null",
        "ls /dev/pts; tty; test -w /dev/null && echo null",
        "touch /x /usr/x /var/x /opt/x /etc/x 2>/dev/null; ls /x /usr/x /var/x /opt/x /etc/x 2>/dev/null",
        "id -un; touch ~/mine /tmp/mine && ls ~/mine /tmp/mine; python3 -c 'import os; os.openpty(); print(7)'",
        "ls /proc | grep -c '^[0-9]'",
    ]
    done = as_person(ENGINE, json.dumps(commands))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    read_inside, places, devices, written, own, processes = answer["said"]
    assert "No such file" in read_inside and "dear diary" not in read_inside
    assert places == ""
    assert devices.split() == ["ptmx", "not", "a", "tty", "null"]
    assert written == ""
    assert own.split() == ["user", "/home/user/mine", "/tmp/mine", "7"]
    assert int(processes) < 60, "its own"
    assert answer["brightness"] > 0


def test_entries_of_the_person_are_left_out_of_folders_that_are_taken_in_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its namespace the person is number 0; here whoever owns these two files is not."""
    folder = tmp_path / "opt"
    folder.mkdir()
    for name in ("program", "private"):
        folder.joinpath(name).touch()
    real = Path.lstat

    class Owned:
        st_uid = 0

    monkeypatch.setattr(Path, "lstat", lambda path: Owned() if path.name == "private" else real(path))
    if os.geteuid() == 0:
        os.chown(folder / "program", 65534, 65534)
    assert list(closed_root._foreign(str(folder))) == [f"{folder}/program"]


def test_a_machine_without_the_command_that_changes_the_root_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_root, "PROGRAMS", "/nowhere")
    with pytest.raises(SystemExit, match="lacks pivot_root, which comes with util-linux; install it, or start"):
        closed_root._pivot()


def test_programs_and_fonts_of_the_system_are_there(provider: XvfbProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here root takes the way of others, too."""
    monkeypatch.setattr("arpo_engine.desktops.xvfb.provider.os.geteuid", lambda: 1000)
    machine = provider.start()
    try:
        client = DesktopClient(machine, 30)
        for name in ("openbox", "xfce4-terminal", "chromium", "soffice"):
            if requirements.has_program(name):
                assert shell(client, f"command -v {name}").endswith(f"/{name}\n")
        assert shell(client, "fc-list | head -1") != ""
    finally:
        machine.close()
