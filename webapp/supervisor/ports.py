"""Free ports on this machine."""

from __future__ import annotations

import secrets
import socket
from typing import Final

from webapp.supervisor.errors import SupervisorError

LOOPBACK: Final = "127.0.0.1"
LOWEST: Final = 20_000
HIGHEST: Final = 32_000
"""Below the ports that systems hand out by themselves: one of those may be gone before its server has started."""
TRIES: Final = 100


def free_port(host: str = LOOPBACK) -> int:
    """A port that nobody listens on now."""
    for _ in range(TRIES):
        port = secrets.randbelow(HIGHEST - LOWEST) + LOWEST
        if is_free(host, port):
            return port
    raise SupervisorError(f"no free port was found on {host} between {LOWEST} and {HIGHEST}; close what listens there")


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Ports in TIME_WAIT count as free, as they do for the servers that we start.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def choose_port(host: str, wanted: int, tries: int = 20) -> int:
    """The wanted port, else one of the next few, else any."""
    for port in range(wanted, min(wanted + tries, 65536)):
        if is_free(host, port):
            return port
    return free_port(host)


def require_own_address(address: str) -> None:
    """Raise unless this machine has the address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise SupervisorError(
                f"--node-ip is {address}, and this machine has no such address ({error.strerror or error}); give one "
                "of its own (`ip address` or `ifconfig` lists them)"
            ) from error
