"""Puts desktops of kind `osworld-docker` together in a process of the engine."""

from __future__ import annotations

from arpo_engine.contract.config.containers import OsworldDockerDesktopsConfig
from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.desktops.building import assemble
from arpo_engine.desktops.freshness import Unmarked
from arpo_engine.desktops.osworld import TaskKeeper
from arpo_engine.desktops.osworld_docker.provider import OsworldDockerProvider
from arpo_engine.desktops.real_row import RealDesktopRow


def build(config: DesktopsConfig, count: int, keeper: TaskKeeper | None = None) -> RealDesktopRow:
    """`count` desktops. Their first boots go on while this returns, as they take longer than a process may to start."""
    assert isinstance(config, OsworldDockerDesktopsConfig), "the registry of rows sends each kind its own config"
    provider = OsworldDockerProvider(config)
    provider.check()
    freshness = Unmarked(config.request_timeout_s)
    return assemble(config, count, provider, keeper, freshness=freshness, wait_for_spares=False)
