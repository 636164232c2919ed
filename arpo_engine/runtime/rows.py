"""Desktop providers by kind, loaded only in the process that runs them. Knows no torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from pydantic import TypeAdapter

from arpo_engine.contract.config.desktops import DesktopsConfig
from arpo_engine.desktops.host import DesktopRow

ROWS: Mapping[str, str] = {
    "pocket": "arpo_engine.desktops.pocket.host:build",
    "xvfb": "arpo_engine.desktops.xvfb.row:build",
    "docker": "arpo_engine.desktops.docker.row:build",
    "osworld-docker": "arpo_engine.desktops.osworld_docker.row:build",
    "vmware": "arpo_engine.desktops.vmware.row:build",
}
"""Kind to `module:function`; the function takes the config of the desktops and how many of them to make."""
CONFIG: TypeAdapter[DesktopsConfig] = TypeAdapter(DesktopsConfig)


def build_row(config: DesktopsConfig, count: int) -> DesktopRow:
    """Make `count` desktops of the config's kind in this process."""
    module, _, name = ROWS[config.kind].partition(":")
    build = cast(Callable[[DesktopsConfig, int], DesktopRow], getattr(importlib.import_module(module), name))
    return build(config, count)


def as_word(config: DesktopsConfig) -> str:
    """The config as one word of a command line."""
    return CONFIG.dump_json(config).decode()


def from_word(word: str) -> DesktopsConfig:
    """The config that `as_word` wrote."""
    return CONFIG.validate_json(word)
