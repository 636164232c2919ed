"""What the two modes stand for, and that a named option wins over its mode."""

from __future__ import annotations

import pytest

from arpo_engine.contract.config import ArpoConfig, GrpoConfig, ReplayConfig, parse_config
from arpo_engine.contract.config.choices import Choices, choices_of
from arpo_engine.contract.errors import ConfigError

CORRECTED = Choices(
    old_logprobs="behaviour",
    replayed_old_logprobs="behaviour",
    zero_variance="drop",
    merges_same_task=False,
    replaces_first=False,
)
PAPER = Choices(
    old_logprobs="recomputed",
    replayed_old_logprobs="recomputed",
    zero_variance="keep",
    merges_same_task=True,
    replaces_first=True,
)


def test_each_mode_decides_everything_that_is_left_to_it():
    assert choices_of(ArpoConfig()) == CORRECTED
    assert choices_of(ArpoConfig(mode="paper")) == PAPER


def test_each_fix_can_be_had_alone():
    mended = ArpoConfig(
        mode="paper",
        old_logprobs="behaviour",
        zero_variance="drop",
        same_task_twice="apart",
        replay=ReplayConfig(old_logprobs="behaviour", slot="random"),
    )
    assert choices_of(mended) == CORRECTED


def test_text_that_is_tokenised_again_has_no_recorded_log_probs():
    choices = choices_of(ArpoConfig(retokenise=True))
    assert (choices.old_logprobs, choices.replayed_old_logprobs) == ("recomputed", "recomputed")


def test_a_stored_config_of_before_the_modes_still_loads():
    stored = {"kind": "arpo", "replay": {"enabled": True, "old_logprobs": "recomputed"}, "clip": {"low": 0.2}}
    assert choices_of(parse_config({"algorithm": stored}).algorithm).replayed_old_logprobs == "recomputed"
    assert choices_of(GrpoConfig()) == CORRECTED


def test_a_penalty_of_each_token_does_not_go_with_one_advantage_for_all_of_them():
    with pytest.raises(ConfigError, match=r"use loss, or another algorithm\.estimator"):
        parse_config({"algorithm": {"kind": "grpo", "estimator": "reinforce_pp", "kl": {"place": "reward"}}})
