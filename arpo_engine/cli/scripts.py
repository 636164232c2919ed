"""A script of ARPO or EasyR1 from the disk: its text, and the files beside it that it names. Executes nothing."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from arpo_engine.contract.config import RunConfig, load_config
from arpo_engine.contract.config.verl import Imported, import_verl
from arpo_engine.contract.config.verl.commands import looks_like_a_command
from arpo_engine.contract.config.yaml_text import read_yaml
from arpo_engine.contract.errors import ConfigError

MAX_BYTES = 8_000_000
"""Largest file that is read; the longest task lists have some hundred kilobytes."""
_THEIR_PARTS = {"data", "worker", "trainer", "env"}
"""Groups of settings that only the published code has; `algorithm` both have."""


def load_script(path: Path, words: Iterable[str] = ()) -> Imported:
    """Import a script, a saved command line or a YAML file; `-` reads standard input.

    Files that it names are looked for where the command is run, in the script's folder and in the folder above it,
    since scripts of ARPO are started from the folder above theirs.

    Raises:
        ConfigError: it cannot be read, or is neither a command nor a config of the trainer.
    """
    folders = [Path.cwd()] if str(path) == "-" else [Path.cwd(), path.parent, path.parent.parent]
    text = read_script_text(path)
    return import_verl(text, words=words, read_file=lambda name: _beside(folders, name))


def is_ours(path: Path) -> bool:
    """Whether a file is a config of this engine, and not a script or a config of the published code."""
    if str(path) == "-" or path.suffix not in (".yaml", ".yml", ".json"):
        return False
    text = read_script_text(path)
    tree = None if looks_like_a_command(text) else read_yaml(text, str(path))
    return isinstance(tree, dict) and not _THEIR_PARTS & set(tree)


def load_any(path: Path, words: Sequence[str] = ()) -> RunConfig:
    """The run that a file describes, whosever words it is written in.

    Raises:
        ConfigError: it describes none that could start, as far as its settings go.
    """
    return load_config(path, words) if is_ours(path) else load_script(path, words).ready()


def read_script_text(path: Path) -> str:
    """The text of a script.

    Raises:
        ConfigError: it cannot be read, is too large, or is no text.
    """
    if str(path) == "-":
        return sys.stdin.read(MAX_BYTES)
    text = _read(path)
    if text is None:
        raise ConfigError(f"there is no script {path}; give the path of a script, a saved command or a YAML file")
    return text


def _beside(folders: Iterable[Path], name: str) -> str | None:
    found = (_read(folder / name) for folder in folders)
    return next((text for text in found if text is not None), None)


def _read(path: Path) -> str | None:
    """The text of a file; None where there is none."""
    try:
        about = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(about.st_mode):
        return None
    if about.st_size > MAX_BYTES:
        raise ConfigError(
            f"{path} has {about.st_size} bytes; a script, a config or a task list has at most {MAX_BYTES}"
        )
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path} ({error}); give a text file that you may read") from error
