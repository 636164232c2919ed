"""The files of tasks, fetched once and shared by all desktops here: by address, and by the hash of their bytes.

Knows addresses, files and which of them a task names. Safe with many processes at once: one lock
for an address, and a file appears in one stroke or not at all.

    objects/<2 digits>/<sha256>   the bytes
    addresses/<sha256 of URL>.json   which bytes an address gave, and when
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from arpo_engine.contract.errors import AssetMissing
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.fetching import Fetch, FetchError, fetch_over_http
from arpo_engine.tasks.osworld.task_files import files_of, is_local, own_file

FETCH_CURE: Final = "run ./arpo assets fetch where there is a network"
HASH_WORDS: Final = 12
"""Digits of a hash that a message shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What an address gave."""

    url: str
    sha256: str
    size: int
    """Bytes."""
    fetched_at: str
    origin: str = "fetched"
    """`fetched`, or the folder of an OSWorld checkout that it was adopted from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An asset that is not what it was when it came."""

    url: str
    why: str


class AssetCache:
    """A folder of assets."""

    def __init__(self, folder: Path, *, offline: bool = False, fetch: Fetch = fetch_over_http) -> None:
        self.folder = folder
        self.offline = offline
        self._fetch = fetch

    def find(self, url: str) -> Path | None:
        """The file of an address, if it is here; nothing is fetched."""
        asset = self.asset(url)
        if asset is None:
            return None
        file = self._object(asset.sha256)
        return file if file.is_file() else None

    def asset(self, url: str) -> Asset | None:
        """What is known of an address, whether its bytes are still here or not."""
        try:
            return Asset(**json.loads(self._record(url).read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def get(self, url: str) -> Path:
        """The file of an address, fetched if it is not here yet; whoever else wants it meanwhile waits.

        Raises:
            AssetMissing: it is not here and cannot be fetched, or its address gives other bytes than it once did.
        """
        found = self.find(url)
        if found is not None:
            return found
        if self.offline:
            raise AssetMissing(f"{url} is not in {self.folder}, and ARPO_OFFLINE forbids to fetch it; {FETCH_CURE}")
        with self._lock(url):
            return self.find(url) or self._take(url, lambda target: self._fetch(url, target), "fetched")

    def adopt(self, url: str, file: Path, origin: str) -> bool:
        """Take a file that somebody else fetched from this address; whether it was not here yet."""
        with self._lock(url):
            if self.find(url) is not None:
                return False
            self._take(url, lambda target: shutil.copyfile(file, target), origin)
            return True

    def missing(self, task: Task) -> list[str]:
        """Addresses of the task's files that are not here, each once; nothing is fetched."""
        found = {
            file.url: own_file(task.folder, file.url) if is_local(file.url) else self.find(file.url)
            for file in files_of(task)
        }
        return [url for url, path in found.items() if path is None]

    def place(self, task: Task, folder: Path) -> None:
        """Copy the files of a task into a folder, under the names that OSWorld's code looks for.

        Raises:
            AssetMissing: naming the first that is neither here nor to be had.
        """
        for file in files_of(task):
            found = own_file(task.folder, file.url) if is_local(file.url) else self.get(file.url)
            if found is None:
                where = f"in {task.folder}; copy it there, it belongs to the task set"
                raise AssetMissing(f"task {task.id}: there is no file {file.url} {where}")
            shutil.copyfile(found, folder / file.name)

    def assets(self) -> Iterator[Asset]:
        """All that is known, by address."""
        records = sorted((self.folder / "addresses").glob("*.json"))
        known = (Asset(**json.loads(record.read_text(encoding="utf-8"))) for record in records)
        return iter(sorted(known, key=lambda asset: asset.url))

    def verify(self) -> Iterator[Fault]:
        """Read every file again and tell which are gone, or changed."""
        for asset in self.assets():
            file = self._object(asset.sha256)
            if not file.is_file():
                yield Fault(url=asset.url, why=f"the file {asset.sha256[:HASH_WORDS]}… is gone; {FETCH_CURE}")
            elif sha256_of(file) != asset.sha256:
                yield Fault(url=asset.url, why=f"{file} has changed; remove it, then {FETCH_CURE}")

    def _take(self, url: str, write: Callable[[Path], object], origin: str) -> Path:
        """Write to the side, then put it in place; the caller holds the lock of this address."""
        side = self.folder / "side" / f"{_name(url)}.{os.getpid()}"
        side.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(side)
            digest = sha256_of(side)
            known = self.asset(url)
            if known is not None and known.sha256 != digest:
                raise AssetMissing(
                    f"{url} gives other bytes ({digest[:HASH_WORDS]}…) than on {known.fetched_at} "
                    f"({known.sha256[:HASH_WORDS]}…); if that is right, remove {self._record(url)}"
                )
            asset = Asset(url=url, sha256=digest, size=side.stat().st_size, fetched_at=_now(), origin=origin)
            target = self._object(digest)
            target.parent.mkdir(parents=True, exist_ok=True)
            _to_the_disk(side)
            side.replace(target)
            self._write_record(asset)
            return target
        except FetchError as error:
            raise AssetMissing(f"{url} cannot be fetched: {error}; {FETCH_CURE}") from error
        except OSError as error:
            raise AssetMissing(f"{url} cannot be kept in {self.folder}: {error.strerror}; make room there") from error
        finally:
            side.unlink(missing_ok=True)

    def _write_record(self, asset: Asset) -> None:
        record = self._record(asset.url)
        record.parent.mkdir(parents=True, exist_ok=True)
        side = record.with_suffix(f".{os.getpid()}")
        side.write_text(json.dumps(asdict(asset)), encoding="utf-8")
        side.replace(record)

    def _object(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def _record(self, url: str) -> Path:
        return self.folder / "addresses" / f"{_name(url)}.json"

    @contextmanager
    def _lock(self, url: str) -> Iterator[None]:
        file = self.folder / "locks" / f"{_name(url)}.lock"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def sha256_of(file: Path) -> str:
    """The hash of a file's bytes, read piece by piece."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _to_the_disk(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
