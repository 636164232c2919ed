"""Where the agents work: small desktops of our own widgets, or machines with real applications."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from arpo_engine.contract.config.containers import (
    DockerDesktopsConfig,
    MachineDesktopsConfig,
    NeverPausedConfig,
    OsworldDockerDesktopsConfig,
    VmwareDesktopsConfig,
)


class PocketDesktopsConfig(NeverPausedConfig):
    """Real Qt widgets drawn offscreen; no X server, no container. Starts in a second."""

    kind: Literal["pocket"] = "pocket"
    count: int = Field(48, ge=1, le=512)
    """Desktops alive at once."""
    per_process: int = Field(64, ge=1, le=256)
    """Desktops that share one process."""
    reset_timeout_s: float = Field(30.0, gt=0)
    step_timeout_s: float = Field(30.0, gt=0)
    restarts: int = Field(5, ge=0)
    """Times in a row that a process of desktops is started again after it died, before its desktops are given up."""


class XvfbDesktopsConfig(MachineDesktopsConfig, NeverPausedConfig):
    """Real applications on virtual displays of this machine: Linux, after `./arpo setup xvfb`. Each desktop has a home,
    processes and a network of its own, all in memory, made anew for every episode; nothing of it reaches the
    machine's files or network."""

    kind: Literal["xvfb"] = "xvfb"
    width: int = Field(1920, ge=320, le=7680)
    """Screen (pixels). OSWorld's tasks were made for 1920 x 1080."""
    height: int = Field(1080, ge=240, le=4320)
    home_mb: int = Field(1024, ge=16, le=65536)
    """Room for files of one desktop (MB of memory, taken as it is filled)."""
    start_timeout_s: float = Field(45.0, gt=0)
    """Longest wait until a fresh desktop acts and sees."""


def _pocket_unless_named(value: Any) -> Any:
    """Configs from before there was a choice name no kind."""
    return {"kind": "pocket", **value} if isinstance(value, Mapping) else value


DesktopsConfig = Annotated[
    PocketDesktopsConfig
    | XvfbDesktopsConfig
    | DockerDesktopsConfig
    | OsworldDockerDesktopsConfig
    | VmwareDesktopsConfig,
    Field(discriminator="kind"),
    BeforeValidator(_pocket_unless_named),
]
