from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from arpo_engine.contract.config import RunConfig, config_hash
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.runtime.provenance import (
    gather_provenance,
    git_state,
    lock_hash,
    model_hash,
    versions,
)
from arpo_engine.tasks import task_set_hash


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def task(number: int, instruction: str = "Tick the box") -> Task:
    return Task(id=f"t{number}", instruction=instruction, evaluator=Evaluator(func="exact"))


def test_a_commit_is_told_and_whether_the_code_differs_from_it(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "first")
    commit, dirty = git_state(tmp_path)
    assert commit is not None and len(commit) == 40
    assert dirty is False
    (tmp_path / "notes.txt").write_text("not tracked")
    assert git_state(tmp_path) == (commit, False)
    (tmp_path / "code.py").write_text("b")
    assert git_state(tmp_path) == (commit, True)


def test_outside_a_checkout_nothing_is_claimed(tmp_path: Path) -> None:
    assert git_state(tmp_path) == (None, None)


def test_the_lock_hash_follows_the_locked_requirements(tmp_path: Path) -> None:
    assert lock_hash(tmp_path) is None
    (tmp_path / "engine.txt").write_text("torch==2.13.0")
    first = lock_hash(tmp_path)
    assert first is not None and len(first) == 16
    (tmp_path / "engine.txt").write_text("torch==2.13.1")
    assert lock_hash(tmp_path) != first


def test_a_model_is_known_by_its_weights(tmp_path: Path) -> None:
    assert model_hash(tmp_path) is None
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    first = model_hash(tmp_path)
    (tmp_path / "README.md").write_text("a card does not matter")
    assert model_hash(tmp_path) == first
    (tmp_path / "model.safetensors").write_bytes(b"WEIGHTS")
    assert model_hash(tmp_path) != first


def test_versions_are_of_what_is_installed_and_nothing_is_imported_for_them() -> None:
    assert versions()["python"] == sys.version.split()[0]
    assert versions()["pydantic"]
    look = "import sys; from arpo_engine.runtime.provenance import versions; versions(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_everything_is_gathered_into_one_record(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    config = RunConfig(seed=7)
    record = gather_provenance(config, tasks=[task(1)], model_folder=tmp_path)
    assert record.seed == 7
    assert record.config_hash == config_hash(config)
    assert record.task_set_hash == task_set_hash([task(1)])
    assert record.model_hash == model_hash(tmp_path)
    assert gather_provenance(config).task_set_hash is None
    assert record.host and record.command[0] == sys.executable
