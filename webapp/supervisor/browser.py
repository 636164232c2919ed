"""The Chromium that browser tests drive: the system's own, installed from its packages when we are root."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.libraries import apt_install
from webapp.supervisor.terminal import Terminal

PATH: Final = "ARPO_CHROMIUM"
"""Variable that names the browser to the tests."""
SKIP_REASON: Final = "ARPO_NO_CHROMIUM"
"""Variable that tells the tests why there is none."""
WHY_SKIPPED: Final = (
    "browser tests are skipped: no Chromium was found; install it (Debian: apt-get install chromium), "
    f"or name one: {PATH}=/path/to/chromium"
)
NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC: Final = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def find_chromium() -> str | None:
    """Where the browser is; None when there is none."""
    named = os.environ.get(PATH, "").strip()
    if named:
        if not Path(named).is_file():
            raise SupervisorError(f"{PATH} is {named}, and no file is there; name the browser's program or unset it")
        return named
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    return found or next((path for path in MAC if Path(path).is_file()), None)


def find_or_install(terminal: Terminal, log: Path) -> str | None:
    """The browser, brought by apt when we are root and it is missing; None where that cannot be done."""
    found = find_chromium()
    if found is not None or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    try:
        with terminal.step("Installing Chromium for the browser tests (usually 60 s)"):
            apt_install(["chromium"], log)
    except SupervisorError as error:
        terminal.say(f"  {terminal.warn} {error}")
    return find_chromium()
