"""What survives a crash: everything that a run needs to go on as if nothing had happened, in one folder a time.

A checkpoint appears whole or not at all (written beside, synced, renamed), names each of its files by hash, and is
believed only when every hash is right. Knows files; what the parts mean is the business of those who hand them in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.trainer.moments import saved_optimizer
from arpo_engine.trainer.state_file import read_json, read_state, write_state

log = logging.getLogger(__name__)

FORMAT = 1
MANIFEST = "manifest.json"
POLICY = "policy"
BEST = "best.json"
UNFINISHED = ".unfinished-"
UNWRITTEN = (OSError, RuntimeError, SafetensorError)
"""A full disk, as Python, torch and safetensors each raise it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint on disk."""

    step: int
    path: Path
    bytes: int

    @property
    def policy(self) -> Path:
        """The weights as a Hugging Face folder."""
        return self.path / POLICY


class CheckpointStore:
    """The `checkpoints/` folder of a run."""

    def __init__(self, folder: Path, *, keep: int) -> None:
        self.folder = folder
        self._keep = keep

    def save(
        self,
        step: int,
        *,
        write_policy: Callable[[Path], None],
        write_moments: Callable[[Path], None],
        state: Mapping[str, Any],
    ) -> Saved:
        """Write a checkpoint in one atomic step: plain data and bytes in `state`; `write_moments` gets its folder.

        Raises:
            CheckpointError: the disk does not take it; earlier checkpoints are untouched.
        """
        fresh, final = self.folder / f"{UNFINISHED}{step:06d}", self._path(step)
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(parents=True)
            write_policy(fresh / POLICY)
            write_moments(fresh)
            write_state(fresh, state)
            size = _write_manifest(fresh, step)
            shutil.rmtree(final, ignore_errors=True)
            fresh.rename(final)
            _sync(self.folder)
        except UNWRITTEN as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _refused(f"checkpoint of step {step}", self.folder, error) from error
        return Saved(step=step, path=final, bytes=size)

    def mark_best(self, step: int, success: float) -> None:
        """Remember which checkpoint is the best so far; it is never pruned.

        Raises:
            CheckpointError: the disk does not take it; the checkpoint itself is there.
        """
        fresh = self.folder / f"{BEST}{UNFINISHED}"
        try:
            fresh.write_text(json.dumps({"step": step, "success": success}), encoding="utf-8")
            fresh.replace(self.folder / BEST)
        except OSError as error:
            raise _refused("the mark of the best checkpoint", self.folder, error) from error

    @property
    def best(self) -> tuple[int, float] | None:
        """Step and success of the best checkpoint, if it is marked and still there."""
        try:
            data = json.loads((self.folder / BEST).read_text(encoding="utf-8"))
            step, success = int(data["step"]), float(data["success"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return (step, success) if self._path(step).is_dir() else None

    def prune(self) -> None:
        """Keep the newest ones and the best one."""
        best = self.best
        kept = {*self.steps()[-self._keep :], *([best[0]] if best else [])}
        for step in self.steps():
            if step not in kept:
                shutil.rmtree(self._path(step), ignore_errors=True)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, oldest first."""
        found = [path.name.removeprefix("step_") for path in self.folder.glob("step_*") if path.is_dir()]
        return sorted(int(name) for name in found if name.isdigit())

    def newest_whole(self, complain: Callable[[str], None]) -> Saved | None:
        """The newest checkpoint whose files are all as written; torn ones are named to `complain` and passed over.

        Raises:
            CheckpointError: there are checkpoints, and none of them is whole.
        """
        problems = []
        for step in reversed(self.steps()):
            try:
                return self.verify(step)
            except CheckpointError as error:
                problems.append(str(error))
                complain(f"{error}; an older checkpoint is used instead")
        if problems:
            raise CheckpointError(
                f"none of the {len(problems)} checkpoints in {self.folder} is whole; the newest: {problems[0]}; "
                "restore the folder from a copy, or start anew with --no-resume"
            )
        return None

    def verify(self, step: int) -> Saved:
        """Check every file of a checkpoint against its manifest.

        Raises:
            CheckpointError: a file is missing, changed, or the manifest is unreadable.
        """
        folder = self._path(step)
        manifest = read_json(folder / MANIFEST)
        if manifest.get("format") != FORMAT:
            raise CheckpointError(
                f"{folder / MANIFEST} has format {manifest.get('format')!r}, this engine reads {FORMAT}; use the "
                "engine that wrote it"
            )
        for name, expected in manifest.get("files", {}).items():
            if _digest(folder / name) != expected:
                raise CheckpointError(f"checkpoint file {folder / name} is not what was written (its hash differs)")
        return Saved(step=step, path=folder, bytes=int(manifest.get("bytes", 0)))

    def load(self, saved: Saved) -> tuple[Mapping[str, Any] | Path, dict[str, Any]]:
        """The (optimizer, state) of a verified checkpoint; see `moments.saved_optimizer`."""
        try:
            optimizer = saved_optimizer(saved.path)
            state = read_state(saved.path)
        except (OSError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise CheckpointError(
                f"checkpoint {saved.path} cannot be read: {error}; resume from another one"
            ) from error
        return optimizer, state

    def _path(self, step: int) -> Path:
        return self.folder / f"step_{step:06d}"


def _refused(what: str, folder: Path, error: Exception) -> CheckpointError:
    reason = (isinstance(error, OSError) and error.strerror) or str(error).partition("\n")[0]
    free = shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.exists())).free
    return CheckpointError(
        f"{what} could not be written to {folder}: {reason} ({free / 1e9:.1f} GB are free there); make room on that "
        "disk and resume the run"
    )


def _write_manifest(folder: Path, step: int) -> int:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        _sync(path)
    size = sum(path.stat().st_size for path in files)
    manifest = {
        "format": FORMAT,
        "step": step,
        "bytes": size,
        "files": {path.relative_to(folder).as_posix(): _digest(path) for path in files},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _sync(folder / MANIFEST)
    _sync(folder)
    return size


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"checkpoint file {path} is missing or unreadable ({error.strerror})") from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
