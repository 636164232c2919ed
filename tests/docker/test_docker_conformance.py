from __future__ import annotations

from collections.abc import Iterator

import pytest

from arpo_engine.desktops.base import Desktop
from arpo_engine.desktops.docker.provider import DockerProvider
from arpo_engine.desktops.freshness import AsItCameUp
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop
from tests.engine.desktops.xvfb import test_xvfb_conformance as real
from tests.engine.desktops.xvfb.plain_keeper import PlainKeeper

pytestmark = pytest.mark.docker


class TestDockerDesktop(real.TestXvfbDesktop):
    """The same checks as on a display of this machine, by the same code."""

    @pytest.fixture
    def desktop(self, provider: DockerProvider) -> Iterator[Desktop]:
        machines = FreshMachines(provider, 0, AsItCameUp(30.0))
        made = RealDesktop(machines, PlainKeeper(), request_timeout_s=30, pause_s=0.15, settle_s=0.0)
        yield made
        made.close()
