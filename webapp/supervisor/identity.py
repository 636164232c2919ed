"""Whom the database servers run as, and where such a user can reach its files.

PostgreSQL refuses to run as root, and no server should. Started by root, both servers become `nobody`. No directory
above the project is ever opened for them: where `nobody` cannot reach the checkout, binaries and data live elsewhere.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from webapp.env import secret_file
from webapp.supervisor.errors import SupervisorError

UNPRIVILEGED = "nobody"
SYSTEM_HOME = Path("/var/lib/arpo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user that a child process becomes."""

    name: str
    uid: int
    gid: int


def service_identity() -> Identity | None:
    """`nobody` when we are root; None: the servers run as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise SupervisorError(
            f"there is no user {UNPRIVILEGED!r} for the database to run as; start ./arpo as an ordinary user"
        ) from None
    return Identity(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid)


def reachable(path: Path, identity: Identity | None) -> bool:
    """Whether the identity may walk down to the path. Nothing is changed to make it so."""
    if identity is None:
        return True
    existing = path
    while not existing.exists():
        existing = existing.parent
    return all(_may_enter(folder, identity) for folder in (existing, *existing.parents) if folder.is_dir())


def _may_enter(folder: Path, identity: Identity) -> bool:
    facts = folder.stat()
    if facts.st_uid == identity.uid:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == identity.gid:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)


def service_home(data: Path, identity: Identity | None) -> Path:
    """Where the servers keep their files: in the data dir, or beside it in the system when that is out of reach.

    The place outside is named by an id kept in the data dir, so that a deleted data dir never meets its old database.
    """
    data.mkdir(parents=True, exist_ok=True)
    inside = data / "services"
    if reachable(inside, identity):
        inside.mkdir(exist_ok=True)
        return inside
    outside = SYSTEM_HOME / secret_file(data / "secrets" / "instance_id", length=9)
    outside.mkdir(parents=True, exist_ok=True)
    return outside


def reachable_copy(site: Path, folders: tuple[str, ...], name: str, identity: Identity | None) -> Path:
    """Where the folders can be reached: in `site`, or side by side in a copy of them in the system.

    They stay side by side because programs find their libraries in the neighbouring folder. A copy that an earlier
    release laid out differently is made anew.
    """
    if all(reachable(site / folder, identity) for folder in folders):
        return site
    copy = SYSTEM_HOME / name
    present = [folder for folder in folders if (site / folder).is_dir()]
    if not _is_copy(copy, site, present):
        unfinished = copy.with_name(f"{name}.{os.getpid()}.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in present:
            shutil.copytree(site / folder, unfinished / folder, symlinks=True)
        _put_in_place(unfinished, copy)
    return copy


def _is_copy(copy: Path, site: Path, folders: list[str]) -> bool:
    """Whether a copy holds the same files, by name and size; the name of the copy says their version."""
    return all(_sizes(copy / folder) == _sizes(site / folder) for folder in folders)


def _sizes(folder: Path) -> dict[str, int]:
    # Python compiles beside its sources whenever it likes.
    files = (path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _put_in_place(unfinished: Path, copy: Path) -> None:
    """Rename the new copy to its name. A server that runs from the old one keeps the files that it has open."""
    old = copy.with_name(f"{copy.name}.{os.getpid()}.old")
    with suppress(FileNotFoundError):
        copy.rename(old)
    try:
        unfinished.rename(copy)
    except OSError:
        # Another start was faster; what it made is as good.
        shutil.rmtree(unfinished)
        if not copy.exists():
            raise
    shutil.rmtree(old, ignore_errors=True)


def own(path: Path, identity: Identity | None, mode: int) -> None:
    """Give a file or folder to the identity, readable as `mode` says."""
    path.chmod(mode)
    if identity is not None:
        os.chown(path, identity.uid, identity.gid)
