"""Every address that the server answers: OSWorld's own, and ours (`/act`, `/ready`) beside them."""

from __future__ import annotations

import platform
from collections.abc import Callable

from . import accessibility, files, windows
from .actions import perform
from .commands import Commands
from .http_server import Api, Handler, Refusal, Request, Response, as_json, as_text
from .recording import Recorder
from .room import TEMPORARY, shortage
from .session import NotReady, Session
from .warm import WarmPython

JPEG_QUALITY = 90
NO_ROOM = 507


def build_api(session: Session, token: str) -> Api:
    """All routes over a session."""
    warm = WarmPython()
    session.when_ready = warm.start_in_background
    commands, recorder = Commands(warm), Recorder(session.display, session.size)
    needing_a_screen: dict[tuple[str, str], Handler] = {
        ("GET", "/screenshot"): lambda request: _screenshot(session, request),
        ("GET", "/cursor_position"): lambda _request: as_json(session.hands.position()),
        ("POST", "/screen_size"): lambda _request: as_json(
            {"width": session.screen.size[0], "height": session.screen.size[1]}
        ),
        ("POST", "/act"): lambda request: _act(session, request),
        ("GET", "/ready"): lambda _request: _ready(session),
    }
    routes: dict[tuple[str, str], Handler] = {
        ("GET", "/room"): lambda _request: _room(session),
        ("GET", "/platform"): lambda _request: as_text(platform.system()),
        ("GET", "/accessibility"): accessibility.tree,
        ("GET", "/terminal"): accessibility.terminal,
        ("POST", "/execute"): commands.execute,
        ("POST", "/setup/execute"): commands.execute,
        ("POST", "/execute_with_verification"): commands.execute_with_verification,
        ("POST", "/setup/execute_with_verification"): commands.execute_with_verification,
        ("POST", "/run_python"): commands.run_python,
        ("POST", "/run_bash_script"): commands.run_bash_script,
        ("POST", "/setup/launch"): commands.launch,
        ("POST", "/file"): files.give,
        ("POST", "/setup/upload"): files.take,
        ("POST", "/list_directory"): files.list_directory,
        ("POST", "/desktop_path"): files.desktop_path,
        ("POST", "/wallpaper"): files.wallpaper,
        ("POST", "/setup/change_wallpaper"): files.change_wallpaper,
        ("POST", "/setup/download_file"): files.download_file,
        ("POST", "/window_size"): windows.window_size,
        ("POST", "/setup/open_file"): windows.open_file,
        ("POST", "/setup/activate_window"): windows.activate,
        ("POST", "/setup/close_window"): windows.close,
        ("POST", "/start_recording"): recorder.start,
        ("POST", "/end_recording"): recorder.end,
        **{route: _unless_starting(handler) for route, handler in needing_a_screen.items()},
    }
    return Api(routes, token)


def _unless_starting(handler: Handler) -> Callable[[Request], Response]:
    def guarded(request: Request) -> Response:
        try:
            return handler(request)
        except NotReady as reason:
            raise Refusal(503, str(reason)) from reason

    return guarded


def _ready(session: Session) -> Response:
    """GET /ready: 200 only when the desktop acts and sees at this moment, and has room."""
    session.check()
    _room(session)
    return as_json({"status": "ready", "width": session.size[0], "height": session.size[1]})


def _room(session: Session) -> Response:
    """GET /room: 507 when the desktop's disk is full."""
    problem = shortage((session.home, TEMPORARY))
    if problem:
        raise Refusal(NO_ROOM, problem)
    return as_json({"status": "room"})


def _act(session: Session, request: Request) -> Response:
    """POST /act: a typed action; see `actions.py`. Not on a full disk, where what it does could not be kept."""
    _room(session)
    perform(session.hands, request.json())
    return as_json({"status": "done"})


def _screenshot(session: Session, request: Request) -> Response:
    """GET /screenshot: PNG as OSWorld's clients expect it; `?format=jpeg&quality=90` or `?format=raw` on request."""
    form = request.query.get("format", "png")
    picture = session.screen.grab()
    if form == "raw":
        width, height = picture.size
        return Response(
            picture.rgb(), "application/octet-stream", headers={"X-Width": str(width), "X-Height": str(height)}
        )
    if form in ("jpeg", "jpg"):
        quality = request.query.get("quality", str(JPEG_QUALITY))
        if not quality.isdigit() or not 1 <= int(quality) <= 100:
            raise Refusal(400, f"quality is {quality[:20]!r}; give a number from 1 to 100")
        return Response(picture.jpeg(int(quality)), "image/jpeg")
    if form != "png":
        raise Refusal(400, f"format is {form[:20]!r}; give png, jpeg or raw")
    return Response(picture.png(), "image/png")
