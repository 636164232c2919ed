"""Settings that several runs disagree on. Pure: knows configs as trees and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.runs.config_tree import ABSENT, WORDS_ABOUT, flatten, show

SEED = "seed"
BUT_SEED = "all but the seed"
_NOT_THERE = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting in every run, in the runs' order."""

    path: str
    values: tuple[str, ...]
    """As YAML would have them, or that the run has no such setting."""
    changed: tuple[bool, ...]
    """Whether it differs from the baseline's."""

    @property
    def pairs(self) -> list[tuple[str, bool]]:
        """Each value, and whether it differs."""
        return list(zip(self.values, self.changed, strict=True))


def differing(configs: Sequence[Mapping[str, Any]], baseline: int = 0) -> list[Setting]:
    """The settings in which not all are equal, in the order of the configs; titles and stories are left out."""
    flat = [flatten(config) for config in configs]
    paths = dict.fromkeys(path for one in flat for path in one if path not in WORDS_ABOUT)
    found = []
    for path in paths:
        own = [one.get(path, _NOT_THERE) for one in flat]
        # Words are made for what differs only: most settings are equal.
        if any(value != own[0] for value in own):
            values = tuple(ABSENT if value is _NOT_THERE else show(value) for value in own)
            changed = tuple(value != own[baseline] for value in own)
            found.append(Setting(path=path, values=values, changed=changed))
    return found


def grouped(configs: Sequence[Mapping[str, Any]], path: str) -> list[str]:
    """The name of the group that each run is in: the setting's value, or with `BUT_SEED` all that differs but the
    seed."""
    if path != BUT_SEED:
        flat = [flatten(config) for config in configs]
        return [show(one[path]) if path in one else ABSENT for one in flat]
    settings = [setting for setting in differing(configs) if setting.path != SEED]
    return [
        ", ".join(f"{setting.path} = {setting.values[place]}" for setting in settings) or "equal settings"
        for place in range(len(configs))
    ]
