"""The names under which the published ARPO code logs its numbers, and how each is made from ours.

Read in revision 7489ae3: `verl/trainer/metrics.py`, `ray_trainer.py`, `workers/actor/dp_actor.py`, `fsdp_workers.py`
and, for the critic, `dp_critic.py`. Knows names and numbers; knows no run, no file and no tracker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Numbers = Mapping[str, float]
KlPlace = Literal["off", "loss", "reward"]
MetricNames = Literal["ours", "arpo", "both"]
ANY: tuple[KlPlace, ...] = ("off", "loss", "reward")
IN_LOSS: tuple[KlPlace, ...] = ("loss",)
IN_REWARD: tuple[KlPlace, ...] = ("reward",)
NOT_IN_REWARD: tuple[KlPlace, ...] = ("off", "loss")
MB_TO_GIB = 1e6 / 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A name of theirs that we can say."""

    name: str
    unit: str
    made: str
    """How, in our keys."""
    of: Callable[[Numbers], float]
    """Raises `KeyError` where a number that it needs was not logged."""
    differs: str = ""
    """What is not quite the same."""
    kl: tuple[KlPlace, ...] = ANY
    """Places of the KL penalty (`algorithm.kl.place`) with which it is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A name of theirs that we cannot say, or will not."""

    name: str
    reason: str


def _same(name: str, unit: str, key: str, differs: str = "", kl: tuple[KlPlace, ...] = ANY) -> Given:
    return Given(name=name, unit=unit, made=f"`{key}`", of=lambda numbers: numbers[key], differs=differs, kl=kl)


def _extent(name: str, unit: str, key: str, differs: str = "", kl: tuple[KlPlace, ...] = ANY) -> list[Given]:
    keys = {"mean": key, "max": f"{key}_max", "min": f"{key}_min"}
    return [_same(f"{name}/{end}", unit, ours, differs, kl) for end, ours in keys.items()]


def _gib(name: str, key: str, differs: str = "") -> Given:
    made = f"`{key}` in GiB"
    return Given(name=name, unit="GiB", made=made, of=lambda numbers: numbers[key] * MB_TO_GIB, differs=differs)


def _a_token(name: str, seconds: str, tokens: str) -> Given:
    return Given(
        name=f"timing_per_token_ms/{name}",
        unit="ms",
        made=f"1000 x `{seconds}` / `{tokens}`",
        of=lambda numbers: 1000.0 * numbers[seconds] / numbers[tokens],
    )


def _throughput(numbers: Numbers) -> float:
    return numbers["batch/tokens"] / numbers["time/step_s"]


def _validated(numbers: Numbers) -> float:
    return numbers["validation/held_out_score" if "validation/held_out_score" in numbers else "validation/train_score"]


def _validation_time(numbers: Numbers) -> float:
    _validated(numbers)
    return numbers["time/validate_s"]


def _absent(reason: str, *names: str) -> list[Absent]:
    return [Absent(name=name, reason=reason) for name in names]


_SHAPED = "tokens of trajectories without an advantage are not computed unless paper mode keeps them, nor counted"
_NO_CRITIC = "there is no critic here, and none in the published runs (`adv_estimator=grpo`)"
_ONE_BY_ONE = "episodes run side by side here, not turn by turn together; each step's event has its own seconds"
_RANKS = "tokens of data-parallel ranks; the policy learns on one device here"
_NEVER = "always 0 there: it asks whether a count of some tokens equals the padded width of all"

PUBLISHED: tuple[Given | Absent, ...] = (
    Given(
        name="val/reward_score",
        unit="score",
        made="`validation/held_out_score`, else `validation/train_score`",
        of=_validated,
        differs="an attempt lost to a fault is left out; there it counts as 0",
    ),
    *_absent("a table of texts, not a number; `validation.compare` keeps whole episodes", "val/generations"),
    *_extent("critic/score", "reward", "batch/reward"),
    *_extent("critic/rewards", "reward", "batch/reward", "with a KL penalty in the reward not said", NOT_IN_REWARD),
    *_extent("critic/advantages", "", "batch/advantage"),
    *_extent("critic/returns", "", "batch/advantage", "the advantages once more, as there with GRPO"),
    *_absent(
        _NO_CRITIC,
        *(f"critic/values/{end}" for end in ("mean", "max", "min")),
        *(f"critic/{name}" for name in ("vf_explained_var", "vf_loss", "vf_clipfrac", "vpred_mean", "grad_norm", "lr")),
        *("perf/mfu_critic", "timing_s/values", "timing_s/update_critic"),
        *("timing_per_token_ms/values", "timing_per_token_ms/update_critic"),
    ),
    _same("critic/kl", "nats", "train/reference_kl", "mean over tokens; there over trajectories' means", IN_REWARD),
    _same("critic/kl_coef", "", "train/kl_coef", kl=IN_REWARD),
    _same("actor/kl_loss", "nats", "train/reference_kl", "mean of the step; there of its last micro-batch", IN_LOSS),
    _same("actor/kl_coef", "", "train/kl_coef", kl=IN_LOSS),
    _same("actor/pg_loss", "", "train/loss", "mean over updates; there over micro-batches of single trajectories"),
    _same("actor/pg_clipfrac_higher", "share", "train/clip_fraction", f"{_SHAPED}; cut on either side, as there"),
    _same("actor/pg_clipfrac_lower", "share", "train/clip_fraction_dual", f"{_SHAPED}; the dual clip, as there"),
    _same("actor/entropy_loss", "nats", "train/surprisal", f"{_SHAPED}; `train/entropy` is the entropy itself"),
    _same("actor/ppo_kl", "nats", "train/approx_kl", _SHAPED),
    _same("actor/grad_norm", "", "train/grad_norm"),
    _same("actor/lr", "", "train/lr", "the rate of this step; there that of the next one"),
    _same("reward/reward_tensor", "reward", "batch/reward"),
    _same("reward/reward_std", "reward", "batch/reward_spread", "of groups; there of a task's rollouts in the batch"),
    _same("reward/num_invalid_group", "groups", "batch/flat_groups"),
    _same("reward/traj_reward", "score", "rollout/score", "before replay, as there; faults are left out"),
    _same("reward/foramt_reward", "reward", "train/format", "spelt as there"),
    _same("response_length/num_images", "screenshots", "batch/turns", "counted; there as image tokens // 2691"),
    *_extent("response_length", "tokens a turn", "batch/turn_tokens", "sampled tokens; there with the turn's header"),
    *_extent("prompt_length", "tokens", "batch/prompt_tokens", "screenshots are among them, as there"),
    *_absent(_NEVER, "response_length/clip_ratio", "prompt_length/clip_ratio"),
    *_absent(_RANKS, *(f"global_seqlen/{end}" for end in ("min", "max", "minmax_diff", "balanced_min"))),
    *_absent(_RANKS, "global_seqlen/balanced_max", "global_seqlen/mean"),
    _same("timing_s/step", "s", "time/step_s"),
    _same("timing_s/gen", "s", "time/collect_s", "scoring is within; there the end of it is timing_s/evaluate_env"),
    _same("timing_s/old", "s", "time/old_logprobs_s", "almost nothing where the sampled log-probs are kept"),
    _same("timing_s/ref", "s", "time/reference_s", "said with the penalty in the loss", IN_LOSS),
    _same("timing_s/update_actor", "s", "time/update_s"),
    Given(
        name="timing_s/validation",
        unit="s",
        made="`time/validate_s`, in steps that measured",
        of=_validation_time,
    ),
    _same("timing_s/save_checkpoint", "s", "time/save_s", "every step, for its tokens are kept too"),
    *_absent(
        _ONE_BY_ONE,
        *(f"timing_s/{name}" for name in ("env_reset", "prepare_vllm_inputs", "actor_rollout_wg", "env_step")),
    ),
    *_absent("scoring is part of an episode here, so of timing_s/gen", "timing_s/evaluate_env"),
    *_absent("milliseconds, within `time/learn_s`", "timing_s/prepare_grpo_inputs", "timing_s/replay", "timing_s/adv"),
    *_absent("rewards are made where an episode ends", "timing_s/reward", "timing_per_token_ms/reward"),
    *_absent("milliseconds, within `time/learn_s`", "timing_per_token_ms/adv"),
    _a_token("gen", "time/collect_s", "batch/reply_tokens"),
    _a_token("old", "time/old_logprobs_s", "batch/tokens"),
    _a_token("ref", "time/reference_s", "batch/tokens"),
    _a_token("update_actor", "time/update_s", "batch/tokens"),
    _same("perf/total_num_tokens", "tokens", "batch/tokens"),
    _same("perf/time_per_step", "s", "time/step_s"),
    Given(
        name="perf/throughput",
        unit="tokens/s",
        made="`batch/tokens` / `time/step_s`",
        of=_throughput,
        differs="of the one device that learns; there for each GPU",
    ),
    _gib("perf/max_memory_allocated_gb", "memory/gpu_peak_allocated_mb", "on a GPU; sampling is within"),
    _gib("perf/max_memory_reserved_gb", "memory/gpu_peak_reserved_mb", "on a GPU; sampling is within"),
    _gib("perf/cpu_memory_used_gb", "memory/host_used_mb"),
    *_absent("operations are not counted, nor is the device's promise known", "perf/mfu_actor"),
)
"""Every name that the published code can log, in the order of its own pages."""


def published_values(values: Mapping[str, float | None], kl: KlPlace) -> dict[str, float]:
    """The numbers of one step under their names; what cannot be said of this step is left out.

    Args:
        values: numbers by our keys, as a `MetricsLogged` event has them.
        kl: `algorithm.kl.place` of the run.
    """
    numbers = finite(values)
    found: dict[str, float] = {}
    for row in PUBLISHED:
        if isinstance(row, Given) and kl in row.kl:
            try:
                found[row.name] = row.of(numbers)
            except (KeyError, ZeroDivisionError):
                continue
    return found


def finite(values: Mapping[str, float | None]) -> dict[str, float]:
    """Numbers that a chart can show."""
    return {key: value for key, value in values.items() if value is not None and math.isfinite(value)}


def named(values: Mapping[str, float | None], names: MetricNames, kl: KlPlace) -> dict[str, float]:
    """The numbers of one step under our names, theirs, or both; none of theirs is one of ours."""
    ours = {} if names == "arpo" else finite(values)
    theirs = {} if names == "ours" else published_values(values, kl)
    return {**ours, **theirs}


def markdown() -> str:
    """The whole list as two tables, for the documentation."""
    given = [row for row in PUBLISHED if isinstance(row, Given)]
    reasons: dict[str, list[str]] = {}
    for row in PUBLISHED:
        if isinstance(row, Absent):
            reasons.setdefault(row.reason, []).append(f"`{row.name}`")
    lines = ["| ARPO's name | unit | made from | what differs |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {row.unit} | {row.made} | {row.differs} |" for row in given]
    lines += ["", "| not said | why |", "|---|---|"]
    return "\n".join([*lines, *(f"| {', '.join(names)} | {reason} |" for reason, names in reasons.items())])
