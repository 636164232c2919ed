"""What a machine and a console say to each other before the machine joins the cluster. Knows no Ray and no HTTP."""

from __future__ import annotations

from pydantic import Field

from arpo_engine.contract.agreement import disagreement
from arpo_engine.contract.base import Wire
from arpo_engine.contract.events import WIRE_VERSION


class NodeVersions(Wire):
    """What must be alike on every node of a cluster."""

    contract: int = WIRE_VERSION
    """Version of the contract between engine and console."""
    python: str
    """As 3.11.9; the first two numbers count."""
    ray: str
    """All of it counts."""


class JoinRequest(NodeVersions):
    """A machine asks to join."""

    host: str = Field("", max_length=200)
    """Its own name, for the console's records."""


class JoinAnswer(NodeVersions):
    """How to join: the versions are those of the console and its Ray head."""

    head: str
    """Address of the Ray head, as host:port."""
    ray_token: str
    """The cluster's token, for RAY_AUTH_TOKEN. Whoever has it may run anything on the cluster."""


def misfits(*, console: NodeVersions, machine: NodeVersions) -> list[str]:
    """Why a machine must not join, a sentence for each reason; empty if it may."""
    found = []
    contract = disagreement(console=console.contract, engine=machine.contract)
    if contract is not None:
        found.append(contract)
    if _minor(console.python) != _minor(machine.python):
        found.append(
            f"the console's cluster runs Python {console.python} and this machine {machine.python}; make its "
            f"environment with ARPO_PYTHON=python{_minor(console.python)} ./arpo setup, after removing .venv"
        )
    if console.ray != machine.ray:
        found.append(
            f"the console's cluster runs Ray {console.ray} and this machine {machine.ray}; check out the console's "
            "release here and run ./arpo setup"
        )
    return found


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
