"""Ports of this machine behind which the Docker engine put ports of a container. The engine chooses them."""

from __future__ import annotations

from collections.abc import Sequence

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.engine import DockerApi


def published(api: DockerApi, container: str, inner: Sequence[int]) -> list[int]:
    """In the order of `inner`.

    Raises:
        DesktopLost: one of them is not published; the container has ended already.
    """
    found = api.inspect_container(container)["NetworkSettings"]["Ports"] or {}
    ports = []
    for port in inner:
        bindings = found.get(f"{port}/tcp")
        if not bindings:
            raise DesktopLost(f"the Docker engine published no port for port {port} of {container[:12]}; has it ended?")
        ports.append(int(bindings[0]["HostPort"]))
    return ports
