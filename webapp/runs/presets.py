"""Presets: the complete runs in `configs/`, read by the contract. Knows files and configs; knows no row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from arpo_engine.contract.config import RunConfig, load_config
from arpo_engine.contract.errors import ConfigError
from webapp.counted import counted

FIRST = "pocket_demo"
"""Offered to somebody who has no run yet: it needs nothing but this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One card of the picker. A file that cannot be used is shown with its problem, not left out."""

    name: str
    title: str
    story: str
    config: RunConfig | None
    problem: str = ""

    @property
    def hardware(self) -> str:
        """What it runs on, in words."""
        if self.config is None:
            return ""
        place = "CPU" if self.config.generator.kind == "hf" else "GPU"
        desktops = self.config.desktops
        return f"{place} · {counted(desktops.count, f'{desktops.kind} desktop')}"

    @property
    def length(self) -> str:
        """How long it goes on, in words."""
        if self.config is None:
            return ""
        limits = self.config.limits
        steps = counted(limits.steps, "step")
        return f"at most {limits.minutes:g} min, {steps}" if limits.minutes else steps

    def tree(self) -> dict[str, Any]:
        """The resolved config; empty for a preset that cannot be used."""
        return self.config.model_dump(mode="json") if self.config else {}


def all_presets(folder: Path | None = None) -> list[Preset]:
    """Every preset by name, the first one to try on top."""
    found = [_read(path) for path in sorted((folder or presets_folder()).glob("*.yaml"))]
    return sorted(found, key=lambda preset: (preset.name != FIRST, preset.name))


def find_preset(name: str, folder: Path | None = None) -> Preset | None:
    """The preset of this name, usable or not; None when there is no such file."""
    return next((preset for preset in all_presets(folder) if preset.name == name), None)


def presets_folder() -> Path:
    """Where the presets are kept."""
    return Path(settings.BASE_DIR) / "configs"


def _read(path: Path) -> Preset:
    try:
        config = load_config(path)
    except ConfigError as error:
        return Preset(name=path.stem, title=path.stem, story="", config=None, problem=str(error))
    return Preset(name=path.stem, title=config.title, story=" ".join(config.story.split()), config=config)
