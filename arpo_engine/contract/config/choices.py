"""What `paper` and `corrected` stand for: each setting that is left to the mode, decided. Knows no trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arpo_engine.contract.config.algorithm import ArpoConfig, GrpoConfig

OldLogprobs = Literal["behaviour", "recomputed", "truncated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The settings that a mode decides, after it has."""

    old_logprobs: OldLogprobs
    replayed_old_logprobs: OldLogprobs
    zero_variance: Literal["keep", "drop", "sample_more"]
    merges_same_task: bool
    replaces_first: bool


def choices_of(config: GrpoConfig) -> Choices:
    """What an algorithm's config means once its mode has decided what is left to it."""
    paper = config.mode == "paper"
    fresh: OldLogprobs = "recomputed" if paper else "behaviour"
    replayed, first = fresh, paper
    if config.old_logprobs != "as_mode":
        fresh = config.old_logprobs
    zero_variance: Literal["keep", "drop", "sample_more"] = "keep" if paper else "drop"
    if config.zero_variance != "as_mode":
        zero_variance = config.zero_variance
    if isinstance(config, ArpoConfig):
        if config.replay.old_logprobs != "as_mode":
            replayed = config.replay.old_logprobs
        if config.replay.slot != "as_mode":
            first = config.replay.slot == "first"
    if config.retokenise:
        # The tokens that are learnt from were never sampled, so nobody knows how likely they were.
        fresh = replayed = "recomputed"
    return Choices(
        old_logprobs=fresh,
        replayed_old_logprobs=replayed,
        zero_variance=zero_variance,
        merges_same_task=paper if config.same_task_twice == "as_mode" else config.same_task_twice == "merged",
        replaces_first=first,
    )
