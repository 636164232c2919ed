"""Puts desktops of kind `xvfb` together in a process of the engine."""

from __future__ import annotations

from arpo_engine.contract.config.desktops import DesktopsConfig, XvfbDesktopsConfig
from arpo_engine.desktops.machines import FreshMachines
from arpo_engine.desktops.osworld import RealDesktop, TaskKeeper
from arpo_engine.desktops.osworld_keeper import OsworldKeeper
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from arpo_engine.desktops.xvfb.reaper import reap


def build(config: DesktopsConfig, count: int, keeper: TaskKeeper | None = None) -> RealDesktopRow:
    """`count` desktops, with their spares ready; tasks are kept by OSWorld's own code unless another keeper is given.

    Raises:
        DesktopLost: this host cannot have them; the text says what is missing.
    """
    assert isinstance(config, XvfbDesktopsConfig), "the registry of rows sends each kind its own config"
    reap()
    keeper = keeper or OsworldKeeper()
    machines = FreshMachines(XvfbProvider(config), config.spares)
    machines.fill(config.start_timeout_s)
    desktops = [
        RealDesktop(
            machines,
            keeper,
            request_timeout_s=config.request_timeout_s,
            pause_s=config.pause_s,
            settle_s=config.settle_s,
        )
        for _ in range(count)
    ]
    return RealDesktopRow(desktops, machines, keeper)
