"""Finished attempts as OSWorld's results folders, for its `show_result` and its monitor.

`<root>/pyautogui/screenshot/<model>/[<trial>/]<domain>/<task>/` with `traj.jsonl`, one PNG an action, and `result.txt`,
which is written last because its existence means *finished*. Knows episodes; knows no desktops.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.evaluation.osworld_words import osworld_action
from arpo_engine.rollout.plans import Plan
from arpo_engine.types import Pixels, Trajectory

ACTION_SPACE, OBSERVATION_TYPE = "pyautogui", "screenshot"
STAMP = "%Y%m%d@%H%M%S"
NO_DOMAIN = "no_domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class OsworldFolders:
    """Writes attempts below `root`; may be called from several threads, each with an attempt of its own."""

    root: Path
    model: str
    max_steps: int
    attempts: int
    """Tries of each task; with more than one, each trial has a folder of its own, as ARPO's `trial-id` has."""

    def model_folder(self, slot: int) -> Path:
        """Where a trial's domains are; OSWorld's tools are pointed at it."""
        folder = self.root / ACTION_SPACE / OBSERVATION_TYPE / plain(self.model)
        return folder / f"trial-{slot + 1}" if self.attempts > 1 else folder

    def prepare(self) -> None:
        """`args.json` of every trial; the monitor reads `max_steps` from it."""
        for slot in range(self.attempts):
            folder = self.model_folder(slot)
            folder.mkdir(parents=True, exist_ok=True)
            told = {
                "action_space": ACTION_SPACE,
                "observation_type": OBSERVATION_TYPE,
                "model": folder.relative_to(self.root / ACTION_SPACE / OBSERVATION_TYPE).as_posix(),
                "max_steps": self.max_steps,
                "result_dir": str(self.root),
            }
            (folder / "args.json").write_text(json.dumps(told, indent=4), encoding="utf-8")

    def write(self, plan: Plan, trajectory: Trajectory) -> None:
        """One attempt, in a new folder that takes its place whole; an older one of the same attempt is replaced."""
        domain = plain(plan.task.domain or NO_DOMAIN)
        folder = self.model_folder(plan.slot) / domain / plain(plan.task.id)
        scratch = folder.with_name(f".{folder.name}.part")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _write_steps(scratch, trajectory)
        if trajectory.score is not None:
            (scratch / "result.txt").write_text(f"{trajectory.score}\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        scratch.replace(folder)


def plain(name: str) -> str:
    """A name as one folder's name: the model's last part, without what a path could mistake."""
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"[^\w.-]+", "-", last).strip(".-") or "unnamed"


def _write_steps(folder: Path, trajectory: Trajectory) -> None:
    stamp = datetime.now(UTC).strftime(STAMP)
    lines: list[dict[str, Any]] = []
    for number, step in enumerate(trajectory.steps, start=1):
        picture = f"step_{number}_{stamp}.png"
        # OSWorld keeps the desktop as it is after an action, which is what the next turn saw.
        after = trajectory.steps[number].pixels if number < len(trajectory.steps) else trajectory.last_seen
        _save_png(folder / picture, step.pixels if after is None else after)
        last = number == len(trajectory.steps)
        lines.append(
            {
                "step_num": number,
                "action_timestamp": stamp,
                "action": osworld_action(step.action),
                "response": step.text,
                "reward": 0,
                "done": last and trajectory.ended_by is not EndedBy.OUT_OF_STEPS,
                "info": {"ended_by": trajectory.ended_by.value} if last else {},
                "screenshot_file": picture,
            }
        )
    if trajectory.score is None:
        fault = trajectory.fault.value if trajectory.fault else trajectory.ended_by.value
        lines.append({"Error": f"{fault}: {trajectory.note}" if trajectory.note else fault})
    (folder / "traj.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _save_png(path: Path, pixels: Pixels) -> None:
    Image.fromarray(pixels).save(path, format="PNG")
