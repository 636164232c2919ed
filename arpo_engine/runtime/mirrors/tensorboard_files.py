"""Event files for TensorBoard, below the run folder: `tensorboard --logdir runs` shows all runs. Nothing leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tensorboardX import SummaryWriter

from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors.base import TrackedRun

FILES = "tensorboard"


class TensorBoardTracker:
    """Scalars by step, and the settings as a text."""

    takes_back = True
    """A file that begins at a step makes TensorBoard forget what earlier files say from there on."""

    def open(self, run: TrackedRun) -> str:
        """Begin a file after the step that the run goes on from."""
        folder = run.folder / FILES
        begins_at = 0 if run.resumed_from is None else run.resumed_from + 1
        # Files are named by the second; two attempts may begin within one.
        suffix = f".{time.time_ns()}"
        self._writer = SummaryWriter(str(folder), purge_step=begins_at, filename_suffix=suffix)
        rows = [f"| {name} | {value} |" for name, value in run.settings.items()]
        self._writer.add_text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]), begins_at)
        return FILES

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """On the disk when this returns, so that a page that is open shows it."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self, outcome: RunOutcome | None) -> None:
        """Close the file."""
        self._writer.close()

    def abandon(self) -> None:
        """Its threads keep no process alive."""
