"""Numbers of a case: how files write them, and when two of them are the same. Knows no algorithm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from arpo_engine.contract.errors import ConfigError

TOLERANCE = {"float64": 1e-12, "float32": 1e-6}
"""Of the value, or of 1 where that is more. Whole numbers are compared exactly."""

Values = Mapping[str, Any]
"""Tensors, numbers or lists of numbers by name."""


def is_array(value: Any) -> bool:
    """Whether it is an array as the files write one: dtype, shape and nested data."""
    return isinstance(value, Mapping) and "data" in value and "dtype" in value


def read_array(value: Any) -> Tensor:
    """An array of a file as a tensor; NaN and infinities are written as words.

    Raises:
        ConfigError: it is none.
    """
    try:
        dtype = getattr(torch, str(value["dtype"]))
        return torch.tensor(numbers(value["data"]), dtype=dtype).reshape(value.get("shape", [-1]))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"not an array: {str(value)[:80]} ({error}); write dtype, shape and data") from error


class Given(dict[str, Any]):
    """The inputs of a case by name; one that the case lacks is the case's fault, and is told as such."""

    def __missing__(self, name: str) -> Any:
        raise ConfigError(f"its inputs lack {name}")


def read_inputs(inputs: Mapping[str, Any], *, wide: bool) -> Given:
    """All inputs of a case; `wide` gives float64 where the file has float32."""
    read = Given()
    for name, value in inputs.items():
        read[name] = read_array(value) if is_array(value) else numbers(value)
        if wide and isinstance(read[name], Tensor) and read[name].is_floating_point():
            read[name] = read[name].double()
    return read


def difference(expected: Mapping[str, Any], ours: Values) -> str:
    """The first thing in which our answer differs from the expected one, in words; empty if nothing does."""
    if len(expected) == len(ours) and not set(expected) & set(ours):
        # Published functions return tuples; a file that names none of our results counts on their order.
        ours = dict(zip(expected, ours.values(), strict=True))
    for name, value in expected.items():
        if name not in ours:
            return f"{name}: expected, but there is no such result; there is {', '.join(ours)}"
        found = _array_difference(value, ours[name]) if is_array(value) else _plain_difference(value, ours[name])
        if found:
            return f"{name}: {found}"
    missing = [name for name in ours if name not in expected]
    return f"{missing[0]}: ours, but not expected" if missing else ""


def _array_difference(expected: Any, ours: Any) -> str:
    wanted = read_array(expected)
    got = ours if isinstance(ours, Tensor) else torch.tensor(ours, dtype=torch.float64)
    if wanted.shape != got.shape:
        return f"shape {list(wanted.shape)} expected, {list(got.shape)} came"
    tolerance = TOLERANCE.get(str(expected["dtype"]), 0.0)
    for place, (want, have) in enumerate(zip(wanted.flatten().tolist(), got.flatten().tolist(), strict=True)):
        if not same_number(want, have, tolerance):
            return f"number {place}: {want!r} expected, {have!r} came"
    return ""


def _plain_difference(expected: Any, ours: Any) -> str:
    wanted, got = numbers(expected), ours.tolist() if isinstance(ours, Tensor) else ours
    if isinstance(wanted, list):
        if not isinstance(got, list) or len(wanted) != len(got):
            return f"{wanted!r} expected, {got!r} came"
        differences = (_plain_difference(want, have) for want, have in zip(wanted, got, strict=True))
        return next(filter(None, differences), "")
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return "" if same_number(wanted, got, TOLERANCE["float64"]) else f"{wanted!r} expected, {got!r} came"
    return "" if wanted == got else f"{wanted!r} expected, {got!r} came"


def same_number(wanted: float, got: float, tolerance: float) -> bool:
    """Whether two numbers agree; NaN agrees with NaN, and an infinity only with itself."""
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    if math.isinf(wanted) or math.isinf(got):
        return wanted == got
    return abs(wanted - got) <= tolerance * max(1.0, abs(wanted))


def numbers(value: Any) -> Any:
    """Plain data of a file with the words for NaN and the infinities as numbers."""
    if isinstance(value, list):
        return [numbers(item) for item in value]
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value
