"""How groups of rollouts become advantages and losses. Knows plain trajectories; knows no desktops, agents or files."""

from arpo_engine.algorithms.arpo import Arpo
from arpo_engine.algorithms.base import Algorithm, Collected, Prepared
from arpo_engine.algorithms.grpo import Grpo
from arpo_engine.contract.config import AlgorithmConfig

ALGORITHMS: dict[str, type[Algorithm]] = {"grpo": Grpo, "arpo": Arpo}


def build_algorithm(config: AlgorithmConfig, seed: int) -> Algorithm:
    """The algorithm that `config.kind` names."""
    return ALGORITHMS[config.kind](config, seed)


__all__ = ["ALGORITHMS", "Algorithm", "Arpo", "Collected", "Grpo", "Prepared", "build_algorithm"]
