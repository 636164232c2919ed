from __future__ import annotations

from collections.abc import Iterator

import pytest

from arpo_engine.desktops.base import Desktop
from arpo_engine.desktops.pocket.desktop import PocketDesktop
from tests.conformance.desktop_suite import DesktopSuite, SampleTasks
from tests.engine.desktops.helpers import a_task


class TestPocketDesktop(DesktopSuite):
    @pytest.fixture
    def desktop(self) -> Iterator[Desktop]:
        made = PocketDesktop()
        yield made
        made.close()

    @pytest.fixture
    def samples(self) -> SampleTasks:
        return SampleTasks(
            feasible=a_task("turn-on", 1), other=a_task("open-file", 2), infeasible=a_task("open-file-missing", 3)
        )
