"""What `./arpo up` was asked for. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8000
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """The command line of `./arpo up`."""

    data: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    browser: bool = True
    demo: bool = False
    install_system_packages: bool = False
    node_ip: str = LOOPBACK
    """Address of this machine at which other machines reach its Ray head; by default none can."""
