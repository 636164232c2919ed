"""Every name that the published code logs has a verdict, and those that we say are made as the table tells."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from arpo_engine.contract.published_metrics import PUBLISHED, Absent, Given, markdown, named, published_values

PUBLISHED_NAMES = """
val/reward_score val/generations
critic/score/mean critic/score/max critic/score/min critic/rewards/mean critic/rewards/max critic/rewards/min
critic/advantages/mean critic/advantages/max critic/advantages/min
critic/returns/mean critic/returns/max critic/returns/min critic/values/mean critic/values/max critic/values/min
critic/vf_explained_var critic/vf_loss critic/vf_clipfrac critic/vpred_mean critic/grad_norm critic/lr
critic/kl critic/kl_coef
response_length/num_images response_length/mean response_length/max response_length/min response_length/clip_ratio
prompt_length/mean prompt_length/max prompt_length/min prompt_length/clip_ratio
global_seqlen/min global_seqlen/max global_seqlen/minmax_diff global_seqlen/balanced_min global_seqlen/balanced_max
global_seqlen/mean
timing_s/step timing_s/gen timing_s/env_reset timing_s/prepare_vllm_inputs timing_s/actor_rollout_wg timing_s/env_step
timing_s/evaluate_env timing_s/prepare_grpo_inputs timing_s/replay timing_s/reward timing_s/old timing_s/ref
timing_s/values timing_s/adv timing_s/update_critic timing_s/update_actor timing_s/validation timing_s/save_checkpoint
timing_per_token_ms/gen timing_per_token_ms/reward timing_per_token_ms/ref timing_per_token_ms/old
timing_per_token_ms/values timing_per_token_ms/adv timing_per_token_ms/update_critic timing_per_token_ms/update_actor
perf/total_num_tokens perf/time_per_step perf/throughput perf/mfu_actor perf/mfu_critic
perf/max_memory_allocated_gb perf/max_memory_reserved_gb perf/cpu_memory_used_gb
reward/reward_tensor reward/reward_std reward/num_invalid_group reward/traj_reward reward/foramt_reward
actor/pg_loss actor/pg_clipfrac_higher actor/pg_clipfrac_lower actor/entropy_loss actor/ppo_kl actor/grad_norm
actor/kl_loss actor/kl_coef actor/lr
"""
"""Read off revision 7489ae3: metrics.py, ray_trainer.py, dp_actor.py, dp_critic.py, fsdp_workers.py."""

STEP = {
    "batch/reward": 0.25, "batch/reward_max": 1.0, "batch/reward_min": -0.5, "batch/advantage": 0.1,
    "batch/tokens": 4_000.0, "batch/reply_tokens": 500.0, "time/step_s": 20.0, "time/collect_s": 10.0,
    "time/validate_s": 0.001, "train/clip_fraction": 0.3, "train/clip_fraction_high": 0.2,
    "train/clip_fraction_dual": 0.01, "train/surprisal": 0.7, "train/entropy": 0.6, "train/kl_coef": 0.02,
    "train/reference_kl": 0.5, "memory/host_used_mb": 2 * 2**30 / 1e6, "train/loss": math.nan, "train/lr": None,
}  # fmt: skip


def test_every_name_that_the_published_code_logs_has_one_verdict() -> None:
    names = [row.name for row in PUBLISHED]
    assert sorted(names) == sorted(PUBLISHED_NAMES.split())
    assert all(row.reason for row in PUBLISHED if isinstance(row, Absent))
    assert all(row.made for row in PUBLISHED if isinstance(row, Given))


def test_a_steps_numbers_under_their_names() -> None:
    found = published_values(STEP, "off")
    assert found["critic/score/mean"] == found["critic/rewards/mean"] == found["reward/reward_tensor"] == 0.25
    assert (found["critic/score/max"], found["critic/score/min"]) == (1.0, -0.5)
    assert found["critic/returns/mean"] == found["critic/advantages/mean"] == 0.1
    assert found["perf/throughput"] == 200.0 and found["perf/time_per_step"] == 20.0
    assert found["timing_per_token_ms/gen"] == 20.0
    assert found["perf/cpu_memory_used_gb"] == pytest.approx(2.0)
    assert found["actor/entropy_loss"] == 0.7


def test_the_clip_fractions_are_theirs_by_meaning_not_by_name() -> None:
    """Their `higher` counts tokens cut on either side (max of two losses), their `lower` those of the dual clip."""
    found = published_values(STEP, "off")
    assert (found["actor/pg_clipfrac_higher"], found["actor/pg_clipfrac_lower"]) == (0.3, 0.01)


def test_what_is_not_a_finite_number_is_not_said() -> None:
    found = published_values(STEP, "off")
    assert "actor/pg_loss" not in found and "actor/lr" not in found
    assert "perf/max_memory_allocated_gb" not in found


def test_the_distance_from_the_reference_is_named_after_its_place() -> None:
    loss, reward, off = (published_values(STEP, place) for place in ("loss", "reward", "off"))
    assert (loss["actor/kl_loss"], loss["actor/kl_coef"]) == (0.5, 0.02) and "critic/kl" not in loss
    assert (reward["critic/kl"], reward["critic/kl_coef"]) == (0.5, 0.02) and "actor/kl_loss" not in reward
    assert "critic/rewards/mean" in loss and "critic/rewards/mean" not in reward
    assert not {"critic/kl", "critic/kl_coef", "actor/kl_loss", "actor/kl_coef"} & off.keys()


def test_a_validation_is_timed_only_where_there_was_one() -> None:
    assert "timing_s/validation" not in published_values(STEP, "off")
    measured = published_values({**STEP, "validation/train_score": 0.5}, "off")
    assert (measured["val/reward_score"], measured["timing_s/validation"]) == (0.5, 0.001)
    both = published_values({**STEP, "validation/train_score": 0.5, "validation/held_out_score": 0.25}, "off")
    assert both["val/reward_score"] == 0.25


def test_a_step_without_tokens_divides_nothing() -> None:
    assert "timing_per_token_ms/gen" not in published_values({**STEP, "batch/reply_tokens": 0.0}, "off")


def test_names_of_both_kinds_never_meet() -> None:
    ours, theirs, both = (named(STEP, names, "off") for names in ("ours", "arpo", "both"))
    assert not ours.keys() & theirs.keys()
    assert both == {**ours, **theirs}
    assert "train/loss" not in ours


def test_the_documentation_has_this_very_table() -> None:
    assert markdown() in Path("docs/tracking.md").read_text(encoding="utf-8")


def test_the_table_speaks_of_keys_that_are_logged() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in Path("arpo_engine/trainer").glob("*.py"))
    phases = {"collect", "learn", "sync", "save", "validate", "step", "old_logprobs", "reference", "update"}
    for key in set(re.findall(r"`((?:batch|train|time|memory|rollout|validation)/\w+)`", markdown())):
        group, _, name = key.partition("/")
        known = (
            name.removesuffix("_s") in phases
            if group == "time"
            else key.removesuffix("_max").removesuffix("_min") in code
        )
        assert known, key
