"""First program of a desktop's container: opens the doors that the engine asked for, and starts the desktop server.

A container without a network is reached through Unix sockets in a folder that it shares with the engine's machine; one
with a network through ports that the Docker engine publishes. Which of the two is said by ARPO_DESKTOP_DOORS, a list of
ports that get a socket each. With ARPO_DESKTOP_LIFELINE=stdin all ends when standard input does: whoever started the
container is then gone, however that happened. Whoever it is says so by a first byte; without one they were gone before
the container ran, and its input stays open for nobody.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

SOCKETS = "/run/arpo-sockets"
SERVER_PORT = "5000"
WAITING = 64
FIRST_BYTE_S = 30.0


def door(port: str) -> int:
    """A Unix socket that listens, as a number that the server inherits."""
    path = f"{SOCKETS}/{port}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    # The engine may run as another user; its side of the folder is closed to everybody else.
    Path(path).chmod(0o666)
    listener.listen(WAITING)
    return listener.detach()


def end_with_standard_input() -> None:
    """The first process of a container takes every other one with it."""
    readable, _, _ = select.select([0], [], [], FIRST_BYTE_S)
    while readable and os.read(0, 1):
        pass
    os._exit(0)


def main() -> None:
    """Start, and take in whatever is orphaned, until the server ends."""
    # The first process of a container is spared every signal that it does not ask for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if os.environ.pop("ARPO_DESKTOP_LIFELINE", "") == "stdin":
        threading.Thread(target=end_with_standard_input, daemon=True).start()
    doors = os.environ.pop("ARPO_DESKTOP_DOORS", "").split()
    host = "127.0.0.1" if doors else "0.0.0.0"
    words = ["serve", "--host", host, "--port", SERVER_PORT, *sys.argv[1:]]
    descriptors = {port: door(port) for port in doors}
    for port, descriptor in descriptors.items():
        words += ["--relay", f"{descriptor}:{port}"]
    command = [sys.executable, "-m", "arpo_desktop", *words]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=descriptors.values(), start_new_session=True)
    os.environ.pop("ARPO_DESKTOP_TOKEN", None)
    for descriptor in descriptors.values():
        os.close(descriptor)
    while True:
        pid, status = os.wait()
        if pid == server.pid:
            # Not `sys.exit`: the thread that reads standard input would be waited for.
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main()
