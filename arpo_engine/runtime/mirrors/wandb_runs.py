"""A run in W&B: sent where there is a key for its server, else kept as files that `wandb sync` sends."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Mapping

import psutil
import wandb

from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors.base import TrackedRun
from arpo_engine.runtime.mirrors.wandb_mode import mode

SERVICE = "wandb-core"
TEARDOWN_S = 2.0
INIT_TIMEOUT_S = 60.0
FINISH_TIMEOUT_S = 10.0
"""Longest upload at the end; what is left stays in the files, and `wandb sync` sends it."""


class WandbTracker:
    """The history of one W&B run; training steps are its own steps, so that old runs lie on the same axis."""

    takes_back = False

    def open(self, run: TrackedRun) -> str:
        """Go on with the kept run, or begin one. Neither the terminal nor code is sent."""
        run_id = run.kept or secrets.token_hex(4)
        settings = wandb.Settings(
            console="off",
            silent=True,
            save_code=False,
            disable_git=True,
            x_disable_meta=True,
            init_timeout=INIT_TIMEOUT_S,
            finish_timeout=FINISH_TIMEOUT_S,
        )
        self._run = wandb.init(
            project=run.project,
            name=run.name,
            id=run_id,
            resume="allow" if run.kept else "never",
            dir=run.folder,
            config=dict(run.settings),
            mode=mode(),
            settings=settings,
        )
        return run_id

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """One row of the history; a second call for the same step completes it."""
        self._run.log(dict(numbers), step=step)

    def close(self, outcome: RunOutcome | None) -> None:
        """End it as finished unless the run failed."""
        self._run.finish(exit_code=0 if outcome in (RunOutcome.FINISHED, RunOutcome.STOPPED) else 1)

    def abandon(self) -> None:
        """W&B waits for a process of its own when Python ends, for minutes if its server is away; that process goes."""
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if child.name().startswith(SERVICE):
                    child.kill()
        # It takes back what it wanted to do at the end of Python, and complains that its process is gone.
        closing = threading.Thread(target=_tear_down, name="wandb-teardown", daemon=True)
        closing.start()
        closing.join(TEARDOWN_S)


def _tear_down() -> None:
    with contextlib.suppress(Exception):
        wandb.teardown(exit_code=1)
