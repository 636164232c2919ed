"""Where OSWorld's own code is installed, as whom it runs, and what it sees of this machine. Imports none of it."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from arpo_engine.contract.errors import TaskError
from arpo_engine.tasks.osworld.ending import end_those_at

ROOT: Final = Path(__file__).resolve().parents[3]
PYTHON: Final = "ARPO_OSWORLD_PYTHON"
"""Environment variable that names a Python with desktop-env. Never a setting of a run: a run may come from the web."""
OWN: Final = ROOT / ".venv-osworld" / "bin" / "python"
"""Where `./arpo setup osworld` puts it."""
USER: Final = "ARPO_OSWORLD_USER"
USUAL_USER: Final = "nobody"
PEER: Final = Path(__file__).resolve().parent / "peer"
"""The program; copied into its scratch folder, since its user may not be let into ours."""
START: Final = "import sys; sys.path.append(sys.argv[1]); from peer.program import main; sys.exit(main())"
PREFIX: Final = "arpo-osworld-"
"""Of scratch folders; the number of the process that made it follows."""
OWN_FOLDER: Final = "home"
"""The folder in it that is the program's own."""
PASSED_ON: Final = ("LANG", "LC_ALL", "TZ", "PLAYWRIGHT_BROWSERS_PATH")
"""All that it sees of our environment: neither tokens nor proxies that a getter could hand to a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringHome:
    """A Python with desktop-env, and the user that it runs as."""

    python: Path
    user: str | None
    """None: as whoever runs the engine, who is not root."""

    def command(self, scratch: Path) -> list[str]:
        """What is started; `-I` keeps our own packages and settings out of it."""
        return [str(self.python), "-I", "-c", START, str(scratch)]

    def environment(self, scratch: Path) -> Mapping[str, str]:
        """What the program sees."""
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        own = str(scratch / OWN_FOLDER)
        home = {"HOME": own, "TMPDIR": own, "PATH": "/usr/local/bin:/usr/bin:/bin"}
        # OSWorld's code reads the nearest .env above its own files, which may be the one of the console.
        return {"LANG": "C.UTF-8", **passed, **home, "PYTHON_DOTENV_DISABLED": "1", "OMP_NUM_THREADS": "1"}

    def scratch(self) -> Path:
        """A new folder that nobody but we and the program's user can look into, with the program in it.

        It stays ours: code that comes with tasks runs as that user, and may change neither the program that scores the
        next task nor what lies where we write.
        """
        reap()
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        shutil.copytree(PEER, folder / PEER.name, ignore=shutil.ignore_patterns("__pycache__"))
        self._show(folder)
        (folder / OWN_FOLDER).mkdir(mode=0o700)
        self.give(folder / OWN_FOLDER)
        return folder

    def _show(self, folder: Path) -> None:
        """Let the program's user read a folder of ours."""
        if self.user is None:
            return
        group = pwd.getpwnam(self.user).pw_gid
        for path in (folder, *folder.rglob("*")):
            os.chown(path, -1, group)
            path.chmod(0o750 if path.is_dir() else 0o640)

    def give(self, folder: Path) -> None:
        """Make the program's user the owner of a folder and of what is in it."""
        if self.user is None:
            return
        entry = pwd.getpwnam(self.user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def reap() -> None:
    """End and remove what engines left that died without a word, and nothing else."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        maker = folder.name.removeprefix(PREFIX).partition("-")[0]
        if maker.isdecimal() and not psutil.pid_exists(int(maker)):
            own = str(folder / OWN_FOLDER)
            end_those_at(own.__eq__)
            # Somebody else's folder stays, since it cannot be removed.
            shutil.rmtree(folder, ignore_errors=True)


def scoring_home() -> ScoringHome:
    """The Python that is named, or the one of `./arpo setup osworld`; root runs it as `nobody`.

    Raises:
        TaskError: there is none, or it lies where its user cannot read it.
    """
    named = os.environ.get(PYTHON)
    python = Path(named) if named else OWN
    if not os.access(python, os.X_OK):
        cure = f"name a Python that has desktop-env with {PYTHON}" if named else "run ./arpo setup osworld"
        raise TaskError(f"OSWorld's own code is not installed: there is no {python}; {cure}")
    user = os.environ.get(USER, USUAL_USER) if os.geteuid() == 0 else None
    if user is not None:
        _refuse_unknown(user)
        _refuse_closed(python, user)
    return ScoringHome(python=python, user=user)


def _refuse_unknown(user: str) -> None:
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise TaskError(f"{USER} is {user!r}, and there is no such user; name one, or unset it") from error
    if entry.pw_uid == 0:
        raise TaskError(f"{USER} is {user!r}, which is root; code that comes with tasks runs as it, so name another")


def _refuse_closed(path: Path, user: str) -> None:
    """A venv in root's own home cannot be entered by another user; Python would only say that it has no encodings."""
    entry = pwd.getpwnam(user)
    for folder in (*reversed(path.resolve().parents), *reversed(path.parents)):
        status = folder.stat()
        allowed = stat.S_IXOTH
        if status.st_uid == entry.pw_uid:
            allowed = stat.S_IXUSR
        elif status.st_gid == entry.pw_gid:
            allowed = stat.S_IXGRP
        if not status.st_mode & allowed:
            raise TaskError(
                f"{folder} is closed to the user {user}, as whom OSWorld's code runs; open it with chmod o+x {folder}, "
                f"or put the environment elsewhere and name its Python with {PYTHON}"
            )
