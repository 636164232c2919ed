"""What a run's numbers depend on besides its config: code, locked requirements, tasks, weights, versions, host.

Nothing is imported to learn its version and no file is changed. What cannot be known is None, never a guess.
"""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
from collections.abc import Collection
from importlib import metadata
from pathlib import Path

from arpo_engine.contract.config import RunConfig, config_hash
from arpo_engine.contract.events import Provenance
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks import task_set_hash

REPOSITORY = Path(__file__).resolve().parents[2]

VERSIONED = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pillow",
    "pydantic",
    "pyside6-essentials",
    "ray",
    "vllm",
)
"""Packages whose version changes results."""
WEIGHT_FILES = ("*.safetensors", "*.bin", "config.json")

COMMIT_FILE = "COMMIT"
"""In code that came with a job: the commit, and `dirty` behind it if it was changed."""

_GIT_TIMEOUT_S = 10.0
_CHUNK_BYTES = 1 << 20


def gather_provenance(
    config: RunConfig, *, tasks: Collection[Task] = (), model_folder: Path | None = None
) -> Provenance:
    """Everything that is known about this process, the tasks it works on and the weights it starts from."""
    commit, dirty = git_state(REPOSITORY)
    return Provenance(
        git_commit=commit,
        git_dirty=dirty,
        lock_hash=lock_hash(REPOSITORY / "requirements"),
        config_hash=config_hash(config),
        task_set_hash=task_set_hash(tasks) if tasks else None,
        model_hash=model_hash(model_folder) if model_folder else None,
        versions=versions(),
        seed=config.seed,
        host=socket.gethostname(),
        command=[sys.executable, *sys.argv],
    )


def git_state(folder: Path) -> tuple[str | None, bool | None]:
    """The commit of the code and whether tracked files differ from it; (None, None) where nothing says."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return _sent_along(folder / COMMIT_FILE)
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit.strip(), None if changes is None else bool(changes.strip())


def lock_hash(requirements: Path) -> str | None:
    """Sixteen hex digits over the locked requirements; None when there are none."""
    return _hash_files(sorted(requirements.glob("*.txt")))


def model_hash(folder: Path) -> str | None:
    """Sixteen hex digits over the weights and the architecture in a model folder; None when it holds none."""
    return _hash_files(sorted(path for pattern in WEIGHT_FILES for path in folder.glob(pattern)))


def versions() -> dict[str, str]:
    """Python's version and that of each package that is installed."""
    found = {"python": sys.version.split()[0]}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _sent_along(file: Path) -> tuple[str | None, bool | None]:
    """What a console wrote down beside the code that it sent to this machine."""
    try:
        commit, _, rest = file.read_text(encoding="utf-8").strip().partition(" ")
    except OSError:
        return None, None
    return (commit, rest == "dirty") if commit else (None, None)


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "-C", str(folder), *words]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout


def _hash_files(paths: list[Path]) -> str | None:
    if not paths:
        return None
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}:{path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()[:16]
