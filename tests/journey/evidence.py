"""What a run left on disk, read without any of the code that the console shows it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter
from safetensors.numpy import load_file

from arpo_engine.contract.actions import Action
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from arpo_engine.tasks import load_split

ACTION: TypeAdapter[Action] = TypeAdapter(Action)
ROOT = Path(__file__).parents[2]


def run_folder(data: Path) -> Path:
    """The folder of the only run of a console."""
    (folder,) = (data / "runs").iterdir()
    return folder


def engine_of(folder: Path) -> psutil.Process:
    """The process that trains in a run folder."""
    (engine,) = _engines_of(folder)
    return engine


def wait_until_engine_is_gone(folder: Path, within_s: float) -> None:
    """Returns when no process trains in a run folder any more."""
    _, alive = psutil.wait_procs(_engines_of(folder), timeout=within_s)
    assert alive == []


def _engines_of(folder: Path) -> list[psutil.Process]:
    wanted = ["arpo_engine", "train", "--run-dir", str(folder)]
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if all(word in words for word in wanted):
            found.append(process)
    return found


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """All events of a kind, in the order in which they were written."""
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    found = (json.loads(line)["event"] for line in lines)
    return [event for event in found if event["kind"] == kind]


def weights(policy: Path) -> dict[str, Any]:
    """Parameter name to array."""
    return dict(load_file(policy / "model.safetensors"))


def checkpoints(folder: Path) -> Iterator[Path]:
    """Whole checkpoints, oldest first."""
    return iter(sorted(path.parent for path in folder.glob("checkpoints/*/manifest.json")))


def tasks_by_id() -> dict[str, Task]:
    """The pocket's tasks of both splits."""
    return {
        task.id: task for split in ("train", "held_out") for task in load_split(ROOT / "configs/tasks/pocket", split)
    }


def score_by_hand(folder: Path, episode_id: str) -> float:
    """Do an episode's recorded actions again on a fresh desktop and ask that desktop for the score."""
    (started,) = (event for event in events(folder, "EpisodeStarted") if event["episode_id"] == episode_id)
    steps = [event for event in events(folder, "EpisodeStepTaken") if event["episode_id"] == episode_id]
    desktop = PocketDesktop()
    try:
        desktop.reset(tasks_by_id()[started["task_id"]])
        last: Action | None = None
        for step in sorted(steps, key=lambda event: event["index"]):
            last = ACTION.validate_python(step["action"]) if step["action"] else None
            if last is not None and last.kind not in ("finished", "fail"):
                desktop.step(last)
        return desktop.score(last)
    finally:
        desktop.close()
