"""TRL in an environment of its own, made when it is first wanted: what it needs must not change the engine's versions.

torch, transformers and all else that the engine has are the engine's own, seen through a path file: both sides of a
comparison then run on the same builds.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".venv-trl"
TRL = "1.16.0"
DONE = HOME / f"trl-{TRL}"


def trl_python() -> Path:
    """The Python that has TRL.

    Raises:
        SystemExit: it could not be installed; pip's own words are on standard error.
    """
    python = HOME / "bin" / "python"
    if not DONE.exists():
        print(f"installing TRL {TRL} in {HOME.name} (about a minute)", file=sys.stderr)
        _run([sys.executable, "-m", "venv", "--clear", str(HOME)])
        (folder,) = HOME.glob("lib/python3.*/site-packages")
        (folder / "engine.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        _run([str(python), "-m", "pip", "install", "--quiet", f"trl=={TRL}"])
        DONE.touch()
    return python


def _run(command: list[str]) -> None:
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise SystemExit(f"`{' '.join(command)}` failed, so that TRL cannot be measured; see above")
