"""Parts of a row of real desktops that must agree with each other."""

from __future__ import annotations

import pytest

from arpo_engine.contract.config.containers import (
    DockerDesktopsConfig,
    MachineDesktopsConfig,
    OsworldDockerDesktopsConfig,
    VmwareDesktopsConfig,
)
from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.contract.tasks import Task
from arpo_engine.desktops import osworld_keeper
from arpo_engine.desktops.building import assemble
from arpo_engine.desktops.freshness import Unmarked
from arpo_engine.desktops.machines import Address, Machine
from arpo_engine.tasks.osworld.scoring import ScoringLimits


class Nowhere:
    """A provider without a single machine."""

    def start(self) -> Machine:
        raise DesktopLost("there is none here")


@pytest.mark.parametrize(
    "kind", [XvfbDesktopsConfig, DockerDesktopsConfig, OsworldDockerDesktopsConfig, VmwareDesktopsConfig]
)
def test_a_scoring_that_hangs_is_given_up_before_its_desktop_counts_as_stuck(
    kind: type[MachineDesktopsConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a task whose scoring hangs costs every desktop of its process, again and again."""
    given: list[ScoringLimits] = []

    class Noted:
        def __init__(self, _home: object, _assets: object, limits: ScoringLimits | None = None) -> None:
            given.append(limits or ScoringLimits())

        def evaluate(self, *_: object) -> float:
            return 1.0

        def close(self) -> None:
            """Holds nothing."""

    monkeypatch.setattr(osworld_keeper, "ScoringProcess", Noted)
    monkeypatch.setattr(osworld_keeper, "scoring_home", lambda: None)
    config = kind(step_timeout_s=100, reset_timeout_s=200)
    row = assemble(config, 1, Nowhere(), None, freshness=Unmarked(1.0), wait_for_spares=False)
    task = Task.model_validate({"id": "t", "instruction": "do", "evaluator": {"func": "infeasible"}})
    assert row._keeper.score(task, Address(server_port=1), failed=False) == 1.0
    assert given[0].evaluate_s < config.step_timeout_s
    assert given[0].setup_s < config.reset_timeout_s
    row.close()
