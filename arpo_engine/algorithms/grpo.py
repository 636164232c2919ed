"""GRPO: each rollout is compared with its siblings on the same task. Knows rewards and groups, no tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arpo_engine.algorithms.base import Collected, Penalty, Prepared
from arpo_engine.algorithms.grouping import Draft, make_groups
from arpo_engine.contract.config import GrpoConfig


class Grpo:
    """Advantages and nothing else; remembers nothing from step to step."""

    def __init__(self, config: GrpoConfig, seed: int) -> None:
        self._config = config

    def prepare(self, collected: Sequence[Collected], penalty: Penalty | None = None) -> Prepared:
        """Advantages for every group that has a member left."""
        drafts = [Draft(group, group.fresh) for group in collected if group.fresh]
        return Prepared(groups=make_groups(drafts, self._config, penalty))

    def state_dict(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing is remembered."""
