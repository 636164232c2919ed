"""What the tests of the import share: scripts to read, and a short way to ask for one key."""

from __future__ import annotations

from pathlib import Path

from arpo_engine.contract.config.verl import Finding, Imported, import_verl

SCRIPTS = Path("tests/data/verl")
SUBSET32 = (SCRIPTS / "subset32.sh").read_text(encoding="utf-8")
FULL128 = (SCRIPTS / "full128.sh").read_text(encoding="utf-8")
REPLICA = (SCRIPTS / "replica.sh").read_text(encoding="utf-8")


def with_words(*words: str) -> Imported:
    """The script on 16 desktops, with further words."""
    return import_verl(SUBSET32, words=words)


def finding(imported: Imported, written: str) -> Finding:
    """The row of one key, as it was written."""
    (found,) = [finding for finding in imported.findings if finding.written == written]
    return found
