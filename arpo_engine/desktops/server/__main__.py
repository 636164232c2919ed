"""The program: `enter` makes a world of its own and starts the server in it; `serve` is the server of one display.

`serve` alone is what a container runs. Prints nothing but mistakes; readiness is asked for over HTTP (`GET /ready`).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    """Parse, and do one of the two."""
    parser = argparse.ArgumentParser(prog="arpo_desktop", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    enter = commands.add_parser("enter")
    enter.add_argument("--uid", type=int, required=True)
    enter.add_argument("--home-mb", type=int, required=True)
    enter.add_argument("--packages", required=True)
    enter.add_argument("--hide", action="append", default=[], metavar="FOLDER", help="of the host, empty inside")
    for command in (enter, commands.add_parser("serve")):
        command.add_argument("--width", type=int, default=1920)
        command.add_argument("--height", type=int, default=1080)
        command.add_argument("--display", default=":0")
        command.add_argument("--host", default="127.0.0.1")
        command.add_argument("--port", type=int, default=5000)
        command.add_argument("--fd", type=int, default=None, help="a socket that listens already, instead of a port")
        command.add_argument("--relay", action="append", default=[], metavar="FD:PORT")
    options = parser.parse_args(argv)
    return _enter(options) if options.command == "enter" else _serve(options)


def _enter(options: argparse.Namespace) -> int:
    from . import namespace

    fds = [options.fd, *(int(pair.partition(":")[0]) for pair in options.relay)]
    command = [sys.executable, "-m", "arpo_desktop", "serve", "--fd", str(options.fd)]
    command += ["--width", str(options.width), "--height", str(options.height), "--display", options.display]
    command += [word for pair in options.relay for word in ("--relay", pair)]
    namespace.enter(uid=options.uid, home_mb=options.home_mb, packages=options.packages, hidden=options.hide)
    return namespace.stand_by(namespace.unprivileged(options.uid, command), fds)


def _serve(options: argparse.Namespace) -> int:
    from .api import build_api
    from .http_server import listen, serve
    from .relay import relay
    from .session import Session

    token = os.environ.pop("ARPO_DESKTOP_TOKEN", "")
    for pair in options.relay:
        descriptor, _, port = pair.partition(":")
        relay(int(descriptor), int(port))
    session = Session(display=options.display, size=(options.width, options.height), home=Path.home())
    server = listen(build_api(session, token), fd=options.fd, address=(options.host, options.port))
    session.start_in_background()
    serve(server)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
