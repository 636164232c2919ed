"""Where no two machines can be made out of one, the rehearsals say so and are skipped."""

from __future__ import annotations

import pytest

from tests.rehearsal.network import why_not


@pytest.fixture(autouse=True, scope="module")
def two_machines_can_be_made() -> None:
    """Asked when it is their turn: whoever only collects tests makes no namespaces."""
    if reason := why_not():
        pytest.skip(reason)
