"""Which device learns. Knows how many GPUs there are, not what is computed on them."""

from __future__ import annotations

import torch

from arpo_engine.contract.config.ranks import RanksConfig
from arpo_engine.contract.errors import ConfigError


def check_ranks(config: RanksConfig, gpus: int, where: str) -> None:
    """Whether ranks find their devices.

    Raises:
        ConfigError: GPUs are asked for that are not there.
    """
    if config.backend == "gloo" or (config.backend == "auto" and gpus == 0):
        return
    if gpus < config.ranks:
        fewer = f"learner.ranks={gpus}" if gpus else "learner.backend=gloo (ranks then learn on processors)"
        raise ConfigError(
            f"learner.ranks is {config.ranks}, one GPU each, and {where} has {gpus or 'none'}; use {fewer}, or a "
            "machine or cluster that has them"
        )


def own_device(config: RanksConfig) -> torch.device:
    """Where the process of the run itself computes: the first GPU, if there is one that may be used."""
    return torch.device("cuda:0" if config.backend != "gloo" and torch.cuda.is_available() else "cpu")
