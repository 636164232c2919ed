"""Where task sets and their files lie on this machine: in the folder of data, which ARPO_DATA_DIR names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DATA_VARIABLE: Final = "ARPO_DATA_DIR"
USUAL_DATA: Final = Path("data")
OFFLINE: Final = "ARPO_OFFLINE"
"""Set to 1, nothing is fetched: what is not here is missing."""
NO: Final = ("", "0", "false", "no", "off")


def data_folder() -> Path:
    """The folder of data of this machine."""
    return Path(os.environ.get(DATA_VARIABLE) or USUAL_DATA).expanduser().absolute()


def task_set_folder(name: str) -> Path:
    """The folder of a task set that was imported."""
    return data_folder() / "tasks" / name


def asset_folder() -> Path:
    """The folder of files that tasks fetch, shared by all desktops."""
    return data_folder() / "assets"


def is_offline() -> bool:
    """Whether nothing may be fetched."""
    return os.environ.get(OFFLINE, "").strip().lower() not in NO
