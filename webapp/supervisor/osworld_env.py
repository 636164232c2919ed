"""`./arpo setup osworld`: OSWorld's own setup and scoring, in an environment of their own. Standard library only.

Its own, because the package `desktop-env` names 250 others at versions that the engine cannot live with, torch and
transformers among them. It is installed without them, and beside it only what its setup steps, getters and metrics
import (the group `osworld`), at versions of the time of its release: a score depends on how pandas or OpenCV round.
As root, that code runs as another user, so that a Python which this user can read is looked for.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR
from webapp.supervisor import install
from webapp.supervisor.errors import SupervisorError

TITLE: Final = "Installing OSWorld's setup and scoring"
USUAL_S: Final = 60
HOME: Final = BASE_DIR / ".venv-osworld"
NAMED: Final = "ARPO_OSWORLD_PYTHON"
"""Environment variable that names the Python of an environment elsewhere."""
AS_OF: Final = "2025-11-01"
"""desktop-env 1.0.2 came out in October 2025; nothing newer than this is locked beside it."""
PACKAGE: Final = "desktop-env"
HEAVY: Final = (("librosa",), ("easyocr", "--torch-backend", "cpu"))
"""One installation each: three tasks compare sounds, three read text in pictures."""
NEEDED_MB: Final = 2_000
PYTHONS: Final = ((3, 11), (3, 12))
"""numpy 1.26, which the package wants, has wheels for these."""
TRIAL: Final = (
    "import desktop_env, cv2, pandas, playwright.sync_api, docx, pptx, openpyxl, skimage, fitz, borb, gymnasium"
)


def install_osworld(home: Path, log: Path, report: install.Report, *, heavy: bool) -> None:
    """Make the environment, or complete it; what is there already is left alone.

    Raises:
        SupervisorError: it cannot be made here, with what to do.
    """
    wanted = stages(home)
    began = time.monotonic()

    def beat() -> None:
        report(time.monotonic() - began)

    with install.one_installer_at_a_time():
        if not all(map(install.is_installed, wanted)):
            _refuse_unfit(home)
            python = _make_venv(home, log, beat)
            for stage in wanted:
                _install_locked(stage, python, log, beat)
            if install.run([str(python), "-c", TRIAL], log, beat) != 0:
                raise install.failure(wanted[0], 1, log)
            for stage in wanted:
                install.mark_installed(stage)
        if heavy:
            _install_heavy(home / "bin" / "python", log, beat)


def home() -> Path:
    """The environment that is used: the one whose Python is named, or our own."""
    named = os.environ.get(NAMED)
    return Path(named).parent.parent if named else HOME


def stages(home: Path) -> tuple[install.Stage, ...]:
    """What is installed there: what the package imports, then the package."""
    return tuple(install.Stage(name=name, title=TITLE, usual_s=USUAL_S, home=home) for name in ("osworld", PACKAGE))


def find_python() -> Path:
    """A Python of a version that will do, with which another user than root can start it where root asks.

    Raises:
        SupervisorError: there is none.
    """
    closed = ""
    for candidate in _pythons():
        if os.geteuid() != 0 or is_open_to_all(candidate):
            return candidate
        closed = closed or f"; {candidate} is closed to other users than root"
    wanted = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    raise SupervisorError(
        f"OSWorld's code needs Python {wanted}{closed}; install one for all users (Debian and Ubuntu: apt-get install "
        "python3-venv), or run the console as another user than root"
    )


def is_open_to_all(program: Path) -> bool:
    """Whether every folder on the way to a program may be entered by anybody."""
    ways = (*program.parents, *program.resolve().parents)
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in ways)


def _pythons() -> Iterator[Path]:
    if sys.version_info[:2] in PYTHONS:
        yield Path(sys.executable).resolve()
    for major, minor in PYTHONS:
        for folder in ("/usr/bin", "/usr/local/bin"):
            program = Path(folder) / f"python{major}.{minor}"
            if os.access(program, os.X_OK):
                yield program


def _refuse_unfit(home: Path) -> None:
    folder = next(path for path in (home, *home.parents) if path.exists())
    if os.geteuid() == 0 and not is_open_to_all(folder / "bin"):
        user = os.environ.get("ARPO_OSWORLD_USER", "nobody")
        raise SupervisorError(
            f"{folder} is closed to the user {user}, as whom OSWorld's code runs; give a folder that is open to it, "
            "such as ./arpo setup osworld --at /opt/arpo-osworld"
        )
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < NEEDED_MB:
        raise SupervisorError(f"{free_mb} MB are free in {folder}, and this needs {NEEDED_MB} MB; free some space")


def _make_venv(home: Path, log: Path, beat: install.Beat) -> Path:
    """Made anew where an earlier making was interrupted."""
    python = home / "bin" / "python"
    if python.exists() and install.run([str(python), "-c", "import sys"], log, beat) == 0:
        return python
    base, uv = find_python(), install.uv_program(log, beat)
    words = [uv, "venv", "--clear", "--python", str(base), str(home)] if uv is not None else None
    code = install.run(words or [str(base), "-m", "venv", "--clear", str(home)], log, beat)
    if code != 0:
        raise SupervisorError(f"{base} could not make {home}; remove that folder and run this again. Log: {log}")
    return python


def _install_locked(stage: install.Stage, python: Path, log: Path, beat: install.Beat) -> None:
    """Exactly what is locked. Compiled at once, since its user may not write there."""
    words = ["--no-deps", "--require-hashes", "-r", str(install.REQUIREMENTS / f"{stage.name}.txt")]
    uv = install.uv_program(log, beat)
    if uv is not None:
        whole = [uv, "pip", "install", "--compile-bytecode", "--python", str(python), *words]
        if install.run(whole, log, beat) == 0:
            return
    code = install.run([*install.pip(python), "install", *words], log, beat)
    if code != 0:
        raise install.failure(stage, code, log)


def _install_heavy(python: Path, log: Path, beat: install.Beat) -> None:
    """Beside what is locked, at versions of the same time; torch comes along with easyocr."""
    uv = install.uv_program(log, beat)
    if uv is None:
        raise SupervisorError(f"uv is needed for --heavy, and could not be had; see the log {log}")
    lock = str(install.REQUIREMENTS / "osworld.txt")
    common = ["--no-verify-hashes", "-c", lock, "--exclude-newer", AS_OF, "--compile-bytecode", "--python", str(python)]
    for name, *words in HEAVY:
        if install.run([uv, "pip", "install", *common, name, *words], log, beat) != 0:
            raise SupervisorError(
                f"{name} could not be installed into {python}; the tasks that need it stay refused, all others are "
                f"scored. Check the connection and run this again. Log: {log}"
            )
