"""Files of the desktop: given out, taken in, listed; and the wallpaper."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .http_server import Refusal, Request, Response, as_json, as_text

DOWNLOAD_TIMEOUT_S = 300.0
WALLPAPER = ("org.gnome.desktop.background", "picture-uri")


def give(request: Request) -> Response:
    """POST /file."""
    path = _path(request.form().get("file_path", b"").decode())
    if not path.is_file():
        raise Refusal(404, "File not found")
    headers = {"Content-Disposition": f"attachment; filename={path.name.encode('ascii', 'replace').decode()}"}
    return Response(path.read_bytes(), "application/octet-stream", headers=headers)


def take(request: Request) -> Response:
    """POST /setup/upload: written beside and moved into place, so that nobody sees half a file."""
    form = request.form()
    if "file_data" not in form:
        raise Refusal(400, "file_data is missing")
    path = _path(form.get("file_path", b"").decode())
    _write(path, form["file_data"])
    return as_text(f"File Uploaded: {len(form['file_data'])} bytes")


def list_directory(request: Request) -> Response:
    """POST /list_directory: everything below a folder."""
    path = _path(str(request.json().get("path") or ""))
    return as_json({"directory_tree": _tree(path)})


def desktop_path(_request: Request) -> Response:
    """POST /desktop_path."""
    path = Path.home() / "Desktop"
    if not path.is_dir():
        raise Refusal(404, "there is no desktop folder")
    return as_json({"desktop_path": str(path)})


def wallpaper(_request: Request) -> Response:
    """POST /wallpaper: the picture itself."""
    done = subprocess.run(["gsettings", "get", *WALLPAPER], capture_output=True, text=True, check=False)
    path = Path(unquote(urlsplit(done.stdout.strip().strip("'")).path))
    if not path.is_file():
        raise Refusal(404, f"the wallpaper {path} is not there")
    return Response(path.read_bytes(), "image/png")


def change_wallpaper(request: Request) -> Response:
    """POST /setup/change_wallpaper."""
    path = _path(str(request.json().get("path") or ""))
    if not path.is_file():
        raise Refusal(404, f"there is no file {path}")
    done = subprocess.run(["gsettings", "set", *WALLPAPER, path.as_uri()], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refusal(500, done.stderr.strip())
    return as_text("Wallpaper changed successfully")


def download_file(request: Request) -> Response:
    """POST /setup/download_file: by the desktop itself, where it has a network."""
    asked = request.json()
    url, path = str(asked.get("url") or ""), _path(str(asked.get("path") or ""))
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refusal(400, f"{url[:80]!r} is no address of a file; give one with http or https")
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_S) as answer:
            _write(path, answer.read())
    except OSError as error:
        raise Refusal(500, f"{url} cannot be fetched: {error}") from error
    return as_text("File downloaded successfully")


def _path(given: str) -> Path:
    if not given:
        raise Refusal(400, "the path is missing")
    return Path(os.path.expandvars(given)).expanduser()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise Refusal(500, f"{path} cannot be written: {error.strerror}") from error


def _tree(path: Path) -> dict[str, Any]:
    if not path.is_dir():
        raise Refusal(400, f"there is no folder {path}")
    return {"type": "directory", "name": path.name, "children": _children(path)}


def _children(folder: Path) -> list[dict[str, Any]]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        return [{"error": str(error)}]
    return [
        {"type": "directory", "name": entry.name, "children": _children(entry)}
        if entry.is_dir() and not entry.is_symlink()
        else {"type": "file", "name": entry.name}
        for entry in entries
    ]
