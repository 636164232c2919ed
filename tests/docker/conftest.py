"""Desktops in containers of a real Docker engine; where there is none, these tests say why and are skipped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.docker.engine import DockerApi, connect, explained
from arpo_engine.desktops.docker.provider import BUILD, DockerMachine, DockerProvider

IMAGE = os.environ.get("ARPO_TEST_DESKTOP_IMAGE", "arpo-desktop")
CONFIG = DockerDesktopsConfig(image=IMAGE, width=1024, height=768, spares=0, pause_s=0.15, settle_s=0.0)


@pytest.fixture(scope="session")
def engine() -> DockerApi:
    try:
        api = connect()
        with explained("the image", IMAGE, BUILD):
            api.inspect_image(IMAGE)
    except DesktopLost as error:
        pytest.skip(str(error))
    return api


@pytest.fixture(scope="session")
def provider(engine: DockerApi) -> DockerProvider:
    return DockerProvider(CONFIG)


@pytest.fixture
def machine(provider: DockerProvider) -> Iterator[DockerMachine]:
    made = provider.start()
    yield made
    made.close()


@pytest.fixture
def client(machine: DockerMachine) -> Iterator[DesktopClient]:
    made = DesktopClient(machine, 30.0)
    yield made
    made.close()


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
