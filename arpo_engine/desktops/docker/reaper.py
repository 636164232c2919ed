"""Removes containers and doors of engine processes that are dead, and nothing else.

Usually there are none, as a container ends with its lifeline. This is for one that was made and never started, for
OSWorld's official image, which knows no lifeline, and for a Docker engine that was killed at the wrong moment.
"""

from __future__ import annotations

import logging
import shutil

from arpo_engine.desktops.docker.doors import home
from arpo_engine.desktops.docker.engine import DockerApi, explained, is_missing
from arpo_engine.desktops.docker.labels import DESKTOP, HOST, OWNER, this_host
from arpo_engine.desktops.docker.names import owner_in
from arpo_engine.desktops.owners import is_dead

log = logging.getLogger(__name__)


def reap(api: DockerApi) -> list[str]:
    """Remove what dead processes of this machine left behind; returns the names of the containers.

    A container of another machine that uses the same engine is left alone, since nobody here knows whether it is used.
    """
    removed = []
    with explained("the list of desktops"):
        found = api.containers(all=True, filters={"label": [DESKTOP, f"{HOST}={this_host()}"]})
    for container in found:
        owner = container["Labels"].get(OWNER, "")
        if not owner or not is_dead(owner):
            continue
        name = container["Names"][0].lstrip("/") if container["Names"] else container["Id"][:12]
        remove(api, container["Id"])
        log.warning("a container of a dead engine was removed", extra={"desktop": name, "owner": owner})
        removed.append(name)
    for folder in home().iterdir():
        if is_dead(owner_in(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)
    return removed


def remove(api: DockerApi, container: str) -> None:
    """Kill and remove; one that is gone, or on its way, is fine."""
    with explained(f"removing the container {container[:12]}"):
        try:
            api.remove_container(container, force=True, v=True)
        except Exception as error:
            if not is_missing(error):
                raise
