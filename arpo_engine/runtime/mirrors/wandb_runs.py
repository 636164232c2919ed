"""A run in W&B: sent where there is a key for its server, else kept as files that `wandb sync` sends."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import wandb

from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.runtime.mirrors.base import TrackedRun
from arpo_engine.runtime.mirrors.wandb_mode import mode

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
