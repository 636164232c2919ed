"""Environments beside the one that runs us, each with a lock of its own. Standard library only."""

from __future__ import annotations

import sys
from pathlib import Path

from webapp.supervisor import install


def make_venv(stage: install.Stage, log: Path, beat: install.Beat) -> Path:
    """The Python of a stage's own environment, which is made anew where an earlier making was interrupted."""
    assert stage.home is not None
    python = stage.home / "bin" / "python"
    whole = python.exists() and install.run([str(python), "-c", "import pip"], log, beat) == 0
    if not whole:
        code = install.run([sys.executable, "-m", "venv", "--clear", str(stage.home)], log, beat)
        if code != 0:
            raise install.failure(stage, code, log)
    return python


def install_locked(stage: install.Stage, python: Path, log: Path, beat: install.Beat) -> None:
    """Exactly what is locked, and nothing that it asks for besides."""
    words = ["--no-deps", "--require-hashes", "-r", str(install.REQUIREMENTS / f"{stage.name}.txt")]
    uv = install.uv_program(log, beat)
    if uv is not None and install.run([uv, "pip", "install", "--python", str(python), *words], log, beat) == 0:
        return
    code = install.run([*install.pip(python), "install", *words], log, beat)
    if code != 0:
        raise install.failure(stage, code, log)
