"""Where a run's folder lies and what is in it. The layout is the engine's: config in; spool and checkpoints out."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def run_dir(run_id: str) -> Path:
    """The folder of one run on the machine where runs run; all its attempts share it."""
    return Path(settings.RUNS_DIR) / run_id


def config_path(run_id: str) -> Path:
    """The resolved configuration that the engine reads."""
    return run_dir(run_id) / "config.json"
