"""Puts desktops of kind `xvfb` together in a process of the engine."""

from __future__ import annotations

from arpo_engine.contract.config.desktops import DesktopsConfig, XvfbDesktopsConfig
from arpo_engine.desktops.building import assemble
from arpo_engine.desktops.freshness import AsItCameUp
from arpo_engine.desktops.osworld import TaskKeeper
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from arpo_engine.desktops.xvfb.reaper import reap


def build(config: DesktopsConfig, count: int, keeper: TaskKeeper | None = None) -> RealDesktopRow:
    """`count` desktops, with their spares ready; see `assemble`."""
    assert isinstance(config, XvfbDesktopsConfig), "the registry of rows sends each kind its own config"
    reap()
    freshness = AsItCameUp(config.request_timeout_s)
    return assemble(config, count, XvfbProvider(config), keeper, freshness=freshness)
