"""Checkpoints appear whole or not at all, and are believed only when every hash is right."""

from __future__ import annotations

import errno
import json
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.trainer.checkpoint import CheckpointStore

STATE: dict[str, Any] = {
    "numbers": [1, 2.5, 1e-17],
    "nested": {"text": "wörd", "none": None, "flag": True},
    "blob": b"\x00\xff" * 10,
    "many": [{"blob": b"one"}, {"blob": b""}, {"plain": [1, 2]}],
    "empty": [],
}


def write_policy(folder: Path) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")


def moments_of(tensor: torch.Tensor) -> Callable[[Path], None]:
    return lambda folder: torch.save({"optimizer": {"moments": tensor}}, folder / "optimizer.pt")


def save(store: CheckpointStore, step: int, state: dict[str, Any] = STATE) -> None:
    store.save(step, write_policy=write_policy, write_moments=moments_of(torch.arange(3.0)), state=state)


def quiet(text: str) -> None:
    return None


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints", keep=2)


def test_what_was_saved_comes_back(store: CheckpointStore):
    save(store, 7)
    saved = store.newest_whole(quiet)
    optimizer, state = store.load(saved)
    assert saved.step == 7
    assert state == STATE
    assert torch.equal(optimizer["moments"], torch.arange(3.0))


def test_there_may_be_none(store: CheckpointStore):
    assert store.newest_whole(quiet) is None
    assert store.best is None


@pytest.mark.parametrize("name", ["policy/model.safetensors", "optimizer.pt", "state.json", "blobs.zip"])
def test_any_changed_file_is_named(store: CheckpointStore, name: str):
    save(store, 1)
    path = store.folder / "step_000001" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CheckpointError, match=name):
        store.verify(1)


def test_a_missing_file_is_named(store: CheckpointStore):
    save(store, 1)
    (store.folder / "step_000001" / "optimizer.pt").unlink()
    with pytest.raises(CheckpointError, match=r"optimizer\.pt is missing"):
        store.verify(1)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}'])
def test_an_unreadable_manifest_is_refused(store: CheckpointStore, text: str):
    save(store, 1)
    (store.folder / "step_000001" / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"manifest\.json"):
        store.verify(1)


def test_the_newest_whole_one_is_found_behind_torn_ones_which_are_named(store: CheckpointStore):
    for step in (1, 2, 3):
        save(store, step)
    for step in (2, 3):
        (store.folder / f"step_{step:06d}" / "state.json").write_text("torn")
    told: list[str] = []
    assert store.newest_whole(told.append).step == 1
    assert [("step_000003" in text, "step_000002" in text) for text in told] == [(True, False), (False, True)]


def test_when_none_is_whole_the_run_does_not_silently_begin_anew(store: CheckpointStore):
    save(store, 1)
    (store.folder / "step_000001" / "state.json").write_text("torn")
    with pytest.raises(CheckpointError, match=r"none of the 1 checkpoints.*--no-resume"):
        store.newest_whole(quiet)


def test_a_half_written_checkpoint_is_not_seen(store: CheckpointStore):
    save(store, 1)
    unfinished = store.folder / ".unfinished-000002"
    unfinished.mkdir()
    (unfinished / "state.json").write_text(json.dumps({}))
    assert store.newest_whole(quiet).step == 1


def test_a_full_disk_loses_nothing_that_was_there(store: CheckpointStore):
    save(store, 1)

    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CheckpointError, match=r"No space left on device .*; make room"):
        store.save(2, write_policy=full, write_moments=moments_of(torch.zeros(1)), state={})
    assert store.steps() == [1]
    assert store.newest_whole(quiet).step == 1
    assert not list(store.folder.glob(".unfinished*"))


@contextmanager
def room_for_files_of(size: int) -> Iterator[None]:
    """The operating system itself refuses to write more into any file, whichever library writes it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python does so from its start; a thread, in which checkpoints are written, could not.
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("full", ["policy", "tensors", "state"])
def test_a_disk_that_is_really_full_is_told_as_such_by_every_library(store: CheckpointStore, full: str):
    """safetensors, torch and Python each raise an error of their own."""
    save(store, 1)
    large = torch.zeros(100_000)

    def write(folder: Path) -> None:
        if full == "policy":
            folder.mkdir()
            save_file({"weight": large}, folder / "model.safetensors")

    moments = moments_of(large if full == "tensors" else torch.zeros(1))
    state = {"text": "x" * 200_000 if full == "state" else ""}
    with room_for_files_of(100_000), pytest.raises(CheckpointError, match=r"step 2 could not be written.*make room"):
        store.save(2, write_policy=write, write_moments=moments, state=state)
    assert store.steps() == [1]
    assert store.newest_whole(quiet).step == 1
    assert not list(store.folder.glob(".unfinished*"))


def test_a_full_disk_at_the_mark_of_the_best_is_told_as_such(store: CheckpointStore, monkeypatch):
    save(store, 1)

    def full(self: Path, *words: Any, **named: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(CheckpointError, match=r"mark of the best checkpoint .*No space left on device .*make room"):
        store.mark_best(1, 0.5)


def test_the_same_step_may_be_saved_again(store: CheckpointStore):
    save(store, 1, {"edition": 1})
    save(store, 1, {"edition": 2})
    assert store.load(store.newest_whole(quiet))[1] == {"edition": 2}


def test_pruning_keeps_the_newest_and_the_best(store: CheckpointStore):
    for step in range(1, 6):
        save(store, step)
    store.mark_best(2, 0.5)
    store.prune()
    assert store.steps() == [2, 4, 5]
    assert store.best == (2, 0.5)


def test_a_best_one_that_is_gone_is_no_best_one(store: CheckpointStore):
    save(store, 1)
    store.mark_best(9, 0.5)
    assert store.best is None
