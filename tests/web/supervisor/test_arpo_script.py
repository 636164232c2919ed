"""The entry script on machines that lack something: what it says, and that it makes nothing by half."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.env import BASE_DIR

OLD = '#!/bin/sh\ncase "$2" in *print*) echo 3.9;; *) exit 1;; esac\n'
WITHOUT_VENV = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *) exit 0;; esac\n'
FULL_DISK = (
    "#!/bin/sh\necho Filesystem 1024-blocks Used Available Capacity Mounted\necho disk 1000000 990000 10240 99% /\n"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script alone, in a folder with no environment, and a PATH with a few tools and no Python."""
    shutil.copy(BASE_DIR / "arpo", tmp_path / "arpo")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "df", "awk", "sh"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    return tmp_path


def add(checkout: Path, name: str, script: str) -> None:
    tool = checkout / "bin" / name
    tool.unlink(missing_ok=True)
    tool.write_text(script)
    tool.chmod(0o755)


def run(checkout: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(checkout / "bin"), "HOME": str(checkout), **variables}
    return subprocess.run(
        [str(checkout / "arpo"), *words], env=environment, capture_output=True, text=True, check=False
    )


def test_no_python_is_named_with_the_cure(checkout: Path) -> None:
    done = run(checkout, "up")
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 is needed; found: none" in done.stderr
    assert "ARPO_PYTHON=" in done.stderr


def test_an_old_python_is_named_with_its_version(checkout: Path) -> None:
    add(checkout, "python3", OLD)
    done = run(checkout, "setup")
    assert done.returncode == 1
    assert "found: python3 (3.9)" in done.stderr


def test_a_python_without_venv_is_named_with_the_package(checkout: Path) -> None:
    add(checkout, "python3.11", WITHOUT_VENV)
    done = run(checkout, "up")
    assert done.returncode == 1
    assert "python3.11 has no venv module; install it (Debian and Ubuntu: apt-get install python3-venv)" in done.stderr


def test_a_full_disk_is_named_before_anything_is_made(checkout: Path) -> None:
    add(checkout, "python3.11", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    add(checkout, "df", FULL_DISK)
    done = run(checkout, "up")
    assert done.returncode == 1
    assert "only 10 MB are free" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_of_ones_own_choice_is_taken(checkout: Path) -> None:
    add(checkout, "mine", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    done = run(checkout, "status", ARPO_PYTHON="mine", PYTHONPATH=str(BASE_DIR), ARPO_DATA_DIR=str(checkout / "data"))
    assert "No console runs on" in done.stdout, done.stderr
    assert not (checkout / ".venv").exists()


def test_help_is_a_table_of_contents_and_needs_nothing() -> None:
    done = subprocess.run([str(BASE_DIR / "arpo"), "--help"], capture_output=True, text=True, check=True)
    for word in (
        "up",
        "down",
        "status",
        "logs",
        "doctor",
        "reset-password",
        "setup",
        "test",
        "check",
        "bench",
        "train",
    ):
        assert f"\n  {word} " in done.stdout


def test_the_script_works_from_another_folder_and_through_a_link(tmp_path: Path) -> None:
    link = tmp_path / "console"
    link.symlink_to(BASE_DIR)
    environment = {**os.environ, "ARPO_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [str(link / "arpo"), "status"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "No console runs on" in done.stdout
