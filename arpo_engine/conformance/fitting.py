"""Whether the inputs of a case fit together at all: shapes, labels, divisors. What does not is refused by name.

The published code meets such inputs inside of torch or of a division; a refusal of ours must be one that we meant.
Knows no expected outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from torch import Tensor

from arpo_engine.conformance.functions import IGNORED
from arpo_engine.contract.errors import UnfitNumbers

_LABELS = "log_probs_from_logits"
_WHOLE_ROWS = {"compute_gae_advantage_return": ("token_level_rewards", "values")}
"""Inputs that are gone through token by token together, so that no broadcasting helps."""


def check_fit(function: str, given: Mapping[str, Any]) -> None:
    """Refuse inputs that allow no answer.

    Raises:
        UnfitNumbers: they do not; the message names the shapes or the number.
    """
    if function == _LABELS:
        _check_labels(given["logits"], given["labels"])
        return
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor) and name != "index"}
    shapes = {name: list(value.shape) for name, value in tensors.items()}
    rows = shapes.pop("reward_baselines", None)
    _check_broadcast(shapes, _WHOLE_ROWS.get(function, ()))
    if rows is not None and rows not in ([], [1], shapes["token_level_rewards"][:1]):
        raise UnfitNumbers(f"there are {rows} baselines for rewards of {shapes['token_level_rewards']}; give one a row")
    if "index" in given and "token_level_rewards" in shapes:
        _check_index(len(given["index"]), shapes["token_level_rewards"])
    _check_numbers(function, given)


def _check_numbers(function: str, given: Mapping[str, Any]) -> None:
    dim, values = given.get("dim"), given.get("values")
    if isinstance(dim, int) and isinstance(values, Tensor) and not -values.dim() <= dim < max(1, values.dim()):
        raise UnfitNumbers(f"there is no dimension {dim} in {list(values.shape)}; give one of its own")
    if function == "compute_grpo_outcome_advantage" and not given["token_level_rewards"].is_floating_point():
        raise UnfitNumbers("rewards are whole numbers, whose mean is none; give float32")
    if given.get("clip_ratio_low", 0) > 1:
        raise UnfitNumbers(f"clip_ratio_low is {given['clip_ratio_low']}: no ratio is below 0; give 1 at most")
    steers = function == "AdaptiveKLController.update" and given["kl_sequence"]
    if steers and 0 in (given["target_kl"], given["horizon"]):
        raise UnfitNumbers("target_kl or horizon is 0, by which is divided; give one above 0")


def _check_broadcast(shapes: Mapping[str, list[int]], together: tuple[str, ...]) -> None:
    told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    sides = zip_longest(*(reversed(shape) for shape in shapes.values()), fillvalue=1)
    if any(len({*side} - {1}) > 1 for side in sides):
        raise UnfitNumbers(f"shapes do not fit together: {told}; give one row a trajectory")
    if len({tuple(shapes[name]) for name in together if name in shapes}) > 1:
        raise UnfitNumbers(f"shapes do not fit together: {told}; each token needs a reward and a value")


def _check_index(names: int, rewards: list[int]) -> None:
    if names < rewards[0]:
        raise UnfitNumbers(f"{names} names of groups for {rewards[0]} trajectories; name the group of each")


def _check_labels(logits: Tensor, labels: Tensor) -> None:
    if list(labels.shape) != list(logits.shape[:-1]):
        raise UnfitNumbers(f"labels {list(labels.shape)} do not fit logits {list(logits.shape)}; give one a place")
    real = labels[labels != IGNORED]
    if bool(((real < 0) | (real >= logits.shape[-1])).any()):
        raise UnfitNumbers(f"labels go from {int(real.min())} to {int(real.max())}, tokens to {logits.shape[-1] - 1}")
