"""What the console knows of its cluster: where the head is, its token, and which versions it runs."""

from __future__ import annotations

import platform
from importlib import metadata

from django.conf import settings

from arpo_engine.contract.joining import JoinAnswer
from webapp.env import envstr

LOOPBACK = ("127.", "localhost", "[::1]", "::1")


class NothingToJoin(Exception):
    """There is no cluster that another machine could join; the text says what to do."""


def how_to_join() -> JoinAnswer:
    """The address, the token and the versions of the cluster.

    Raises:
        NothingToJoin: the head is not up, or listens to this machine only.
    """
    head = _told("RAY_HEAD_ADDRESS")
    if not head:
        raise NothingToJoin(
            "this console runs no Ray head of its own; join its cluster with Ray's own `ray start --address …`, or "
            "start the console with RAY_HEAD_ADDRESS=host:port of that cluster"
        )
    if head.startswith(LOOPBACK):
        raise NothingToJoin(
            f"the Ray head of this console listens on {head}, which only its own machine reaches; start the console "
            "with ./arpo up --node-ip ADDRESS, an address of its machine that the others reach"
        )
    try:
        ray = metadata.version("ray")
    except metadata.PackageNotFoundError:
        raise NothingToJoin("the engine of this console is still being installed; try again in a few minutes") from None
    return JoinAnswer(head=head, ray_token=_told("RAY_AUTH_TOKEN"), python=platform.python_version(), ray=ray)


def why_closed() -> str:
    """Why no machine can join now; empty when one can."""
    try:
        how_to_join()
    except NothingToJoin as reason:
        return str(reason)
    return ""


def _told(name: str) -> str:
    return envstr(name, settings.SERVICES.get(name, ""))
