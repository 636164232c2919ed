from __future__ import annotations

from collections.abc import Iterator

import pytest

from arpo_engine.desktops.pocket.desktop import PocketDesktop


@pytest.fixture
def desktop() -> Iterator[PocketDesktop]:
    made = PocketDesktop()
    yield made
    made.close()
