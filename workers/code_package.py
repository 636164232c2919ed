"""The engine's code and the locked requirements as a package of Ray's, so that a node needs no checkout of ours.

Uploaded once to the cluster's own store, under a name that its contents decide; a job names it as its working folder.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

FOLDERS: Final = ("arpo_engine", "configs", "requirements")
COMMIT_FILE: Final = "COMMIT"
"""Where the engine looks for the commit it is of when there is no checkout."""
GIT_TIMEOUT_S: Final = 10.0
LEFT_OUT: Final = ("__pycache__",)
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The same files make the same package, whenever they were checked out."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file and the name under which Ray keeps it."""

    name: str
    data: bytes

    @property
    def uri(self) -> str:
        """As a job's runtime environment names it."""
        return f"gcs://{self.name}"


def engine_package(root: Path | None = None) -> Package:
    """The package of this checkout."""
    root = root or Path(settings.BASE_DIR)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(root):
            entry = zipfile.ZipInfo(file.relative_to(root).as_posix(), date_time=EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
        archive.writestr(zipfile.ZipInfo(COMMIT_FILE, date_time=EPOCH), commit_of(root))
    data = buffer.getvalue()
    return Package(f"_ray_pkg_{hashlib.sha256(data).hexdigest()[:16]}.zip", data)


def commit_of(root: Path) -> str:
    """The commit of a checkout, with `dirty` behind it if files differ from it; nothing outside a checkout."""
    found = _git(root, "rev-parse", "HEAD")
    return f"{found}{' dirty' if _git(root, 'status', '--porcelain', '--untracked-files=no') else ''}" if found else ""


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _files(root: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not set(LEFT_OUT) & set(path.parts):
                yield path
