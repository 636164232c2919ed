"""What preflight says about a run's trackers: which packages are missing, and where the numbers will go."""

from __future__ import annotations

import os

from arpo_engine.contract.config.records import MirrorKind, RecordsConfig
from arpo_engine.contract.secrets import promised
from arpo_engine.runtime.mirrors.registry import install_command, missing_package
from arpo_engine.runtime.mirrors.wandb_mode import KEY_VARIABLES, MODE_VARIABLE, has_key


def missing_packages(records: RecordsConfig) -> list[str]:
    """Packages that the trackers of a run lack here."""
    return [package for kind in records.mirrors if (package := missing_package(kind)) is not None]


def destinations(records: RecordsConfig) -> str:
    """A sentence about where each tracker's numbers go."""
    return "; ".join(_destination(kind) for kind in records.mirrors)


def cure() -> str:
    """What to do about missing packages."""
    return f"run `{install_command()}`, or take them out of records.mirrors; the run would go on without them"


def _destination(kind: MirrorKind) -> str:
    if kind == "console":
        return "console: one line a step"
    if kind == "tensorboard":
        return "tensorboard: files below the run folder"
    if kind == "mlflow":
        server = os.environ.get("MLFLOW_TRACKING_URI")
        return "mlflow: the server in MLFLOW_TRACKING_URI" if server else "mlflow: files below the run folder"
    mode = os.environ.get(MODE_VARIABLE)
    if mode:
        return f"wandb: {MODE_VARIABLE}={mode}"
    if KEY_VARIABLES[0] in promised(os.environ):
        return "wandb: sent with the console's key"
    return "wandb: sent with this machine's key" if has_key() else "wandb: no key here, so files for `wandb sync`"
