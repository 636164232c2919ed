"""Desktops on displays of this machine; where it cannot have any, these tests say why and are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.freshness import AsItCameUp
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.desktops.xvfb.provider import XvfbMachine, XvfbProvider
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper

CONFIG = XvfbDesktopsConfig(width=1024, height=768, spares=0, pause_s=0.15, settle_s=0.0, home_mb=32)


@pytest.fixture(scope="session", autouse=True)
def can_have_desktops() -> None:
    problem = requirements.missing()
    if problem:
        pytest.skip(problem)


@pytest.fixture(scope="session")
def provider() -> XvfbProvider:
    return XvfbProvider(CONFIG)


@pytest.fixture
def machine(provider: XvfbProvider) -> Iterator[XvfbMachine]:
    made = provider.start()
    yield made
    made.close()


@pytest.fixture
def client(machine: XvfbMachine) -> Iterator[DesktopClient]:
    made = DesktopClient(machine, 30.0)
    yield made
    made.close()


@pytest.fixture(scope="session")
def machines(provider: XvfbProvider) -> Iterator[FreshMachines]:
    """With a spare, so that a test does not wait for the start of each of its desktops."""
    made = FreshMachines(provider, 1, AsItCameUp(30.0))
    yield made
    made.close()


@pytest.fixture
def real_desktop(machines: FreshMachines) -> Iterator[RealDesktop]:
    made = RealDesktop(machines, PlainKeeper(), request_timeout_s=30, pause_s=0.15, settle_s=0.0)
    yield made
    made.close()


def shell(client: DesktopClient, command: str) -> str:
    """What a command says inside the desktop."""
    return str(client.post("/execute", {"command": command, "shell": True})["output"])
