"""How far the engine's installation is: a small file that the supervisor writes and the pages read.

Its absence means that nobody installs anything (a console in containers): the engine is then as ready as Ray is.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

Phase = Literal["torch", "engine", "ray", "ready"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupState:
    """What is being set up, for the banner on the pages."""

    phase: Phase
    percent: int
    message: str
    done: bool = False
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    updated_at: str = ""


def state_file(data: Path) -> Path:
    """Where the state is kept."""
    return data / "setup.json"


def write_state(data: Path, state: SetupState) -> None:
    """Replace the file in one stroke, so that no reader meets half of it."""
    file = state_file(data)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name("setup.json.new")
    body = asdict(state) | {"updated_at": datetime.now(UTC).isoformat(timespec="seconds")}
    unfinished.write_text(json.dumps(body), encoding="utf-8")
    unfinished.replace(file)


def read_state(data: Path) -> SetupState | None:
    """The last state that was written; None when nobody installs anything here."""
    try:
        return SetupState(**json.loads(state_file(data).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
