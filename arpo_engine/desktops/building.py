"""Puts machines of a provider, their desktops, and whoever sets up and scores together. Knows no provider."""

from __future__ import annotations

from arpo_engine.contract.config.containers import MachineDesktopsConfig, pauses_while_thinking
from arpo_engine.desktops.machines import FreshMachines, Provider
from arpo_engine.desktops.osworld import RealDesktop, TaskKeeper
from arpo_engine.desktops.osworld_keeper import OsworldKeeper
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.tasks.osworld.scoring import ScoringLimits

SHARE = 0.9
"""Of the pool's patience. What is late is then named by whoever waited for it: a scoring that hangs is an
`evaluator_error`, and the desktop is fine; past the pool's own limit the whole process counts as stuck and is ended."""


def limits_within(config: MachineDesktopsConfig) -> ScoringLimits:
    """How long OSWorld's code may take, so that the pool does not lose its patience first."""
    return ScoringLimits(setup_s=SHARE * config.reset_timeout_s, evaluate_s=SHARE * config.step_timeout_s)


def assemble(
    config: MachineDesktopsConfig,
    count: int,
    provider: Provider,
    keeper: TaskKeeper | None,
    *,
    wait_for_spares: bool = True,
) -> RealDesktopRow:
    """`count` desktops, with their spares ready; tasks are kept by OSWorld's own code unless another keeper is given.

    Args:
        config: Waits, limits and spares.
        count: Desktops in this process.
        provider: Starts their machines.
        keeper: Who sets tasks up and scores them.
        wait_for_spares: False where a start takes so long that whoever waits for this would give up.

    Raises:
        DesktopLost: the provider cannot start one here; the text says what is missing.
    """
    keeper = keeper or OsworldKeeper(limits_within(config))
    machines = FreshMachines(provider, config.spares)
    if wait_for_spares:
        machines.fill(config.start_timeout_s)
    else:
        machines.begin()
    desktops = [
        RealDesktop(
            machines,
            keeper,
            request_timeout_s=config.request_timeout_s,
            pause_s=config.pause_s,
            settle_s=config.settle_s,
            pause_while_thinking=pauses_while_thinking(config),
        )
        for _ in range(count)
    ]
    return RealDesktopRow(desktops, machines, keeper)
