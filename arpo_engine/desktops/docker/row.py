"""Puts desktops of kind `docker` together in a process of the engine."""

from __future__ import annotations

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.desktops.building import assemble
from arpo_engine.desktops.docker.provider import DockerProvider
from arpo_engine.desktops.freshness import AsItCameUp
from arpo_engine.desktops.osworld import TaskKeeper
from arpo_engine.desktops.real_row import RealDesktopRow


def build(config: DesktopsConfig, count: int, keeper: TaskKeeper | None = None) -> RealDesktopRow:
    """`count` desktops, with their spares ready; see `assemble`."""
    assert isinstance(config, DockerDesktopsConfig), "the registry of rows sends each kind its own config"
    freshness = AsItCameUp(config.request_timeout_s)
    return assemble(config, count, DockerProvider(config), keeper, freshness=freshness)
