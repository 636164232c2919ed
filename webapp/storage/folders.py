"""Deleting folders of a run such that a crash in the middle loses nothing else: moved aside first, then deleted.

Knows paths; the rows are the caller's. Follows no link: what a link points at is never touched.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath
from typing import Final

from django.conf import settings

ASIDE: Final = ".discarded"
"""The folder in a run's folder, and in that of all runs, where what is being deleted lies until it is gone."""


def real_folder(run_dir: Path, name: str) -> Path | None:
    """The folder below the run's folder by this name; None when there is none, or when a link is on the way to it."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\x00" in name or ".." in parts or parts[0] == ASIDE:
        return None
    try:
        if not _is_own(run_dir):
            return None
        path = run_dir
        for part in parts:
            path = path / part
            if path.is_symlink():
                return None
        return path if path.is_dir() else None
    except OSError:
        return None


def set_aside(run_dir: Path, names: tuple[str, ...], number: int) -> None:
    """Move folders of the run out of the way, under a number by which a later pass finds whose they were.

    Raises:
        OSError: one cannot be moved.
    """
    target = run_dir / ASIDE / str(number)
    for place, name in enumerate(names):
        folder = real_folder(run_dir, name)
        if folder is not None:
            target.mkdir(parents=True, exist_ok=True)
            folder.rename(target / f"{place}")


def left_aside(run_dir: Path) -> list[int]:
    """Numbers of what was set aside and is not deleted yet."""
    aside = run_dir / ASIDE
    if aside.is_symlink() or not aside.is_dir():
        return []
    return sorted(int(path.name) for path in aside.iterdir() if path.name.isdecimal() and path.name.isascii())


def empty_aside(run_dir: Path) -> None:
    """Delete what was set aside. Harmless when repeated; links in it are removed, never followed.

    Raises:
        OSError: something cannot be deleted.
    """
    aside = run_dir / ASIDE
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)


def amount_of(run_dir: Path) -> tuple[int, int]:
    """Files in a run's folder and their bytes, links neither counted nor followed; (0, 0) where it is not here."""
    if not _is_own(run_dir):
        return 0, 0
    files = [Path(above, name) for above, _, names in os.walk(run_dir) for name in names]
    sizes = [size for path in files if (size := _size(path)) is not None]
    return len(sizes), sum(sizes)


def set_whole_aside(run_dir: Path) -> None:
    """Move a run's whole folder out of the way, to where `whole_aside` finds it.

    Raises:
        OSError: it cannot be moved.
    """
    if _is_own(run_dir):
        target = _aside_of_runs() / run_dir.name
        target.parent.mkdir(exist_ok=True)
        run_dir.rename(target)


def whole_aside() -> list[str]:
    """Names of the run folders that were set aside as a whole and are not deleted yet."""
    aside = _aside_of_runs()
    return sorted(path.name for path in aside.iterdir()) if aside.is_dir() and not aside.is_symlink() else []


def delete_whole(name: str) -> None:
    """Delete a run folder that was set aside. Harmless when repeated; links in it are removed, never followed.

    Raises:
        OSError: something cannot be deleted.
    """
    folder = _aside_of_runs() / name
    if folder.parent == _aside_of_runs() and folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)


def _aside_of_runs() -> Path:
    return Path(settings.RUNS_DIR) / ASIDE


def _is_own(run_dir: Path) -> bool:
    """Whether it is a real folder right below that of all runs."""
    try:
        inside = run_dir.resolve(strict=True).parent == Path(settings.RUNS_DIR).resolve(strict=True)
        return inside and run_dir.is_dir() and not run_dir.is_symlink()
    except OSError:
        return False


def _size(path: Path) -> int | None:
    """None for a link, and for what went meanwhile."""
    try:
        return None if path.is_symlink() else path.stat().st_size
    except OSError:
        return None
