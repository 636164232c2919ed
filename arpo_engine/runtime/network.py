"""This machine's own address and interface on the way to another one. Sends nothing, looks no name up.

On a cluster a machine's name may lead to an address that its siblings do not reach, and gloo and NCCL, left to
themselves, go by that name.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil


def address_towards(host: str, port: int) -> str:
    """The address that packets to `host` come from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        towards.connect((host, port))
        return str(towards.getsockname()[0])


def interface_of(address: str) -> str | None:
    """The name of the interface that has an address; None if none has."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(one.family == socket.AF_INET and one.address == address for one in addresses):
            return name
    return None


def talking_by(host: str, port: int) -> Mapping[str, str]:
    """What tells gloo and NCCL to talk over the interface that leads to `host`; nothing where none can be named."""
    interface = interface_of(address_towards(host, port))
    return {} if interface is None else {"GLOO_SOCKET_IFNAME": interface, "NCCL_SOCKET_IFNAME": interface}
