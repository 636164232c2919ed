"""What an image of ours says that it holds. Asks the Docker engine for its words, and starts nothing."""

from __future__ import annotations

from arpo_engine.contract.applications import KNOWN
from arpo_engine.desktops.docker.engine import connect, explained

LABEL = "arpo.packages"
"""Written by `docker/desktop/Dockerfile`: the Debian packages of its applications, between blanks."""
BUILD = "build it with ./arpo setup desktop-image"


def programs_of(image: str) -> frozenset[str] | None:
    """The programs of the applications in an image; none where it does not say, as images of others and older ones.

    Raises:
        DesktopLost: there is no engine, or no such image.
    """
    api = connect()
    with explained("looking at an image", image, BUILD):
        labels = (api.inspect_image(image).get("Config") or {}).get("Labels") or {}
    if LABEL not in labels:
        return None
    packages = set(str(labels[LABEL]).split())
    there = (one for one in KNOWN.values() if one.packages[0] in packages)
    return frozenset(program for one in there for program in one.programs)
