"""One run as data: a frozen, strict tree whose defaults are the tested setting."""

from arpo_engine.contract.config.algorithm import AlgorithmConfig, ArpoConfig, GrpoConfig
from arpo_engine.contract.config.explaining import explain
from arpo_engine.contract.config.loading import apply_overrides, config_hash, load_config, parse_config
from arpo_engine.contract.config.replay import ReplayConfig
from arpo_engine.contract.config.run import RunConfig

__all__ = [
    "AlgorithmConfig",
    "ArpoConfig",
    "GrpoConfig",
    "ReplayConfig",
    "RunConfig",
    "apply_overrides",
    "config_hash",
    "explain",
    "load_config",
    "parse_config",
]
