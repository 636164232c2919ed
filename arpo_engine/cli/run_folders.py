"""The folder of a run that was named on the command line: a path, or the id that the console's page shows.

Knows the console's layout (`runs/ID` in its data folder, which ARPO_DATA_DIR names); knows no database.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from arpo_engine.contract.errors import ConfigError

DATA_VARIABLE = "ARPO_DATA_DIR"
USUAL_DATA = Path("data")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def run_folder(named: str) -> Path:
    """Where a run lies: at the path itself, else in the console's folder of runs.

    Raises:
        ConfigError: neither is there.
    """
    place = Path(named).expanduser()
    if place.is_dir():
        return place
    runs = Path(os.environ.get(DATA_VARIABLE) or USUAL_DATA).expanduser() / "runs"
    if _ID.fullmatch(named) and (runs / named).is_dir():
        return runs / named
    raise ConfigError(
        f"there is no run {named}: neither a folder of that path, nor {named} in {runs}. A run that is still queued, "
        "or that runs on another machine, has no folder here; its page in the console has the report under Fidelity"
    )
