"""Puts desktops of kind `vmware` together in a process of the engine."""

from __future__ import annotations

from arpo_engine.contract.config.containers import VmwareDesktopsConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.desktops.building import assemble
from arpo_engine.desktops.freshness import Unmarked
from arpo_engine.desktops.osworld import TaskKeeper
from arpo_engine.desktops.real_row import RealDesktopRow
from arpo_engine.desktops.vmware.provider import VmwareProvider


def build(config: DesktopsConfig, count: int, keeper: TaskKeeper | None = None) -> RealDesktopRow:
    """`count` desktops; each is reverted and started when its first episode begins."""
    assert isinstance(config, VmwareDesktopsConfig), "the registry of rows sends each kind its own config"
    freshness = Unmarked(config.request_timeout_s)
    return assemble(config, count, VmwareProvider(config), keeper, freshness=freshness)
