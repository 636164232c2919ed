"""Windows by name or class, through wmctrl, as OSWorld's own server finds them; files opened by their application."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from .http_server import Refusal, Request, Response, as_json, as_text

OPEN_TIMEOUT_S = 1800.0
LOOK_EVERY_S = 0.25


def window_list() -> list[dict[str, Any]]:
    """Windows that a window manager knows: id, size, class and title."""
    done = subprocess.run(["wmctrl", "-lxG"], capture_output=True, text=True, check=False)
    found = []
    for line in done.stdout.splitlines():
        words = line.split(None, 8)
        if len(words) >= 8:
            title = words[8] if len(words) == 9 else ""
            found.append(
                {"id": words[0], "width": int(words[4]), "height": int(words[5]), "class": words[6], "title": title}
            )
    return found


def activate(request: Request) -> Response:
    """POST /setup/activate_window."""
    _wmctrl("a", request.json())
    return as_text("Window activated successfully")


def close(request: Request) -> Response:
    """POST /setup/close_window."""
    _wmctrl("c", request.json())
    return as_text("Window closed successfully")


def window_size(request: Request) -> Response:
    """POST /window_size: of the first window of a class."""
    wanted = request.form().get("app_class_name", b"").decode()
    if not wanted:
        raise Refusal(400, "app_class_name is missing")
    for window in window_list():
        if wanted.lower() in [part.lower() for part in window["class"].split(".")]:
            return as_json({"width": window["width"], "height": window["height"]})
    raise Refusal(500, f"no window has the class {wanted}")


def open_file(request: Request) -> Response:
    """POST /setup/open_file: with the application for it, and wait until its window is there."""
    asked = request.json()
    given = asked.get("path")
    if not given:
        raise Refusal(400, "path is missing")
    path = Path(os.path.expandvars(str(given))).expanduser()
    program = shutil.which(str(given)) if not path.exists() else None
    if program is None and not path.exists():
        raise Refusal(404, f"there is no file {path}")
    words = [program] if program else ["xdg-open", str(path)]
    subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=Path.home(),
    )
    limit_s = min(float(asked.get("timeout", OPEN_TIMEOUT_S)), OPEN_TIMEOUT_S)
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        for window in window_list():
            if path.name in window["title"] or path.stem in window["title"]:
                subprocess.run(["wmctrl", "-i", "-a", window["id"]], check=False)
                return as_text("File opened and window activated successfully")
        time.sleep(LOOK_EVERY_S)
    raise Refusal(500, f"no window showed {path.name} within {limit_s:g} s; is there an application for it?")


def _wmctrl(what: str, asked: dict[str, Any]) -> None:
    name = asked.get("window_name")
    if not name:
        raise Refusal(400, "window_name is missing")
    flags = f"-{'x' if asked.get('by_class') else ''}{'F' if asked.get('strict') else ''}{what}"
    subprocess.run(["wmctrl", flags, str(name)], check=False, capture_output=True)
