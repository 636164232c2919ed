"""The trackers that there are, by name, and the packages that they need. None is imported before it is used."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import cast

from arpo_engine.contract.config.records import MirrorKind
from arpo_engine.contract.errors import SetupFailed
from arpo_engine.runtime.mirrors.base import Tracker

TRACKERS: dict[MirrorKind, str] = {
    "console": "arpo_engine.runtime.mirrors.console:ConsoleTracker",
    "tensorboard": "arpo_engine.runtime.mirrors.tensorboard_files:TensorBoardTracker",
    "wandb": "arpo_engine.runtime.mirrors.wandb_runs:WandbTracker",
    "mlflow": "arpo_engine.runtime.mirrors.mlflow_runs:MlflowTracker",
}
PACKAGES: dict[MirrorKind, tuple[str, str]] = {
    "tensorboard": ("tensorboardX", "tensorboardX"),
    "wandb": ("wandb", "wandb"),
    "mlflow": ("mlflow", "mlflow-skinny"),
}
"""Tracker to (module, package that has it)."""


def missing_package(kind: MirrorKind) -> str | None:
    """The package that the tracker lacks here; None where nothing is missing."""
    module, package = PACKAGES.get(kind, ("", ""))
    return package if module and find_spec(module) is None else None


def install_command() -> str:
    """How all trackers' packages are installed in their locked versions, from the project's folder."""
    return f"{sys.executable} -m pip install --require-hashes -r requirements/mirrors.txt"


def build_tracker(kind: MirrorKind) -> Tracker:
    """Import a tracker and make it.

    Raises:
        SetupFailed: its package is not installed.
    """
    package = missing_package(kind)
    if package is not None:
        raise SetupFailed(
            f"the package {package} is not installed; run `{install_command()}`, or take {kind} out of records.mirrors"
        )
    module, _, name = TRACKERS[kind].partition(":")
    return cast(Tracker, getattr(importlib.import_module(module), name)())
