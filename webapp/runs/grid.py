"""Grid sweeps: several values in one setting of the form, and the configs that they make together. Knows no rows.

A number never has a comma in it, so `1e-5, 3e-5` in a number's box is a list of values. Any other setting is swept by a
line `path: value, value` in a box of its own, since commas may be part of its words.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig, explain
from arpo_engine.contract.config.yaml_text import read_yaml
from arpo_engine.contract.errors import ConfigError
from webapp.runs.config_tree import flatten, set_path, show
from webapp.runs.schema_form import FormField, form_fields

MOST_RUNS: Final = 64
NUMBERS: Final = ("integer", "number")
NOT_SWEPT: Final = frozenset({"title", "story"})


class GridError(ValueError):
    """Values cannot be read as a sweep; the text says why and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A setting and the values that it takes."""

    path: str
    values: tuple[Any, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """The values as a person writes them."""
        return tuple(show(value) for value in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One run of a sweep: its values, and the config that they make."""

    values: tuple[tuple[str, Any], ...]
    config: RunConfig

    @property
    def label(self) -> str:
        """What tells it from the others: `lr=1e-05, seed=2`."""
        return ", ".join(f"{path.rsplit('.', 1)[-1]}={show(value)}" for path, value in self.values)


def is_list(field: FormField, text: str) -> bool:
    """Whether a posted word holds several values of a number."""
    return field.kind in NUMBERS and "," in text


def parse_list(field: FormField, text: str) -> Axis:
    """The values of a number's box that has commas in it.

    Raises:
        GridError: one of them is no number, or is there twice, or the comma parts thousands.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    _check_count(field.path, words)
    values = tuple(_number(field, word, text) for word in words)
    return _axis(field.path, values)


def parse_lines(text: str) -> list[Axis]:
    """The box of other settings: a line each, `path: value, value`.

    Raises:
        GridError: a line is no such line, its setting is not known, or it has fewer than two values.
    """
    axes = []
    for line in text.splitlines():
        if not line.strip():
            continue
        path, colon, rest = (part.strip() for part in line.partition(":"))
        if not colon or not rest:
            raise GridError(f"{line.strip()[:60]!r} has no values; write a line such as `algorithm.kind: grpo, arpo`")
        field = form_fields().get(path)
        if field is None or path in NOT_SWEPT or field.kind == "constant":
            raise GridError(f"{path[:60]!r} is no setting that can be swept; copy the name from the list of changes")
        axes.append(parse_list(field, rest) if field.kind in NUMBERS else _axis(path, _words(path, rest)))
    return axes


def combined(axes: Sequence[Axis]) -> list[Axis]:
    """The axes of a sweep, if there are no two of one setting and not too many runs.

    Raises:
        GridError: there are.
    """
    paths = [axis.path for axis in axes]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise GridError(f"{twice} is swept twice; keep one of the lists")
    count = size(axes)
    if count > MOST_RUNS:
        parts = " × ".join(str(len(axis.values)) for axis in axes)
        raise GridError(f"{parts} = {count} runs are too many at once; a sweep has at most {MOST_RUNS}")
    return list(axes)


def size(axes: Sequence[Axis]) -> int:
    """How many runs the axes make."""
    count = 1
    for axis in axes:
        count *= len(axis.values)
    return count


def first_tree(tree: Mapping[str, Any], axes: Sequence[Axis]) -> dict[str, Any]:
    """The settings of the first run: what the rest of the form is checked with."""
    return _with_values(tree, [(axis.path, axis.values[0]) for axis in axes])


def cells(tree: Mapping[str, Any], axes: Sequence[Axis]) -> list[Cell]:
    """Every run of the sweep, the last axis turning fastest.

    Raises:
        GridError: some combination makes no config; the first such one is named.
    """
    made = []
    for values in _combinations(axes):
        try:
            config = RunConfig.model_validate(_with_values(tree, values))
        except ValidationError as error:
            path, message = explain(error)[0]
            at = ", ".join(f"{name} = {show(value)}" for name, value in values)
            raise GridError(f"with {at}: {path} {message}") from error
        made.append(Cell(values=values, config=config))
    return made


def as_data(axes: Sequence[Axis]) -> list[list[Any]]:
    """As it is kept in a row."""
    return [[axis.path, list(axis.values)] for axis in axes]


def as_line(axis: Axis) -> str:
    """As `parse_lines` reads it."""
    return f"{axis.path}: {', '.join(json.dumps(value, ensure_ascii=False) for value in axis.values)}"


def from_data(rows: Sequence[Sequence[Any]]) -> list[Axis]:
    """Back from a row."""
    return [Axis(path=str(path), values=tuple(values)) for path, values in rows]


def _combinations(axes: Sequence[Axis]) -> Iterator[tuple[tuple[str, Any], ...]]:
    for values in itertools.product(*(axis.values for axis in axes)):
        yield tuple((axis.path, value) for axis, value in zip(axes, values, strict=True))


def _with_values(tree: Mapping[str, Any], values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The tree with these values; what only counts for another choice than theirs is left out of it."""
    fresh = _copy(tree)
    for path, value in values:
        set_path(fresh, path, value)
    flat, swept = flatten(fresh), {path for path, _ in values}
    for path, field in form_fields().items():
        condition = field.condition
        if condition is None or path in swept or path not in flat or condition.path not in swept:
            continue
        if str(flat.get(condition.path)) not in condition.values:
            _take_out(fresh, path)
    return fresh


def _take_out(tree: dict[str, Any], path: str) -> None:
    """Remove a leaf, and the groups that are empty without it."""
    first, _, rest = path.partition(".")
    if rest:
        _take_out(tree[first], rest)
        if not tree[first]:
            del tree[first]
    else:
        del tree[first]


def _words(path: str, rest: str) -> tuple[Any, ...]:
    try:
        values = read_yaml(f"[{rest}]", path)
    except ConfigError as error:
        raise GridError(str(error)) from error
    return tuple(values) if isinstance(values, list) else (values,)


def _copy(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in tree.items()}


def _check_count(path: str, values: Sequence[Any]) -> None:
    """Refuse a list of more values than a sweep has runs before each is compared with every other."""
    if len(values) > MOST_RUNS:
        raise GridError(f"{path} has {len(values)} values, too many at once; a sweep has at most {MOST_RUNS} runs")


def _axis(path: str, values: tuple[Any, ...]) -> Axis:
    _check_count(path, values)
    if len(values) < 2:
        raise GridError(f"{path} has {len(values)} value; a sweep needs two or more, with commas between")
    twice = next((value for place, value in enumerate(values) if value in values[:place]), None)
    if twice is not None:
        raise GridError(f"{path} has {show(twice)} twice; write each value once")
    return Axis(path=path, values=values)


def _number(field: FormField, word: str, text: str) -> int | float:
    if len(word) > 1 and word.startswith("0") and word.isdigit():
        cure = text.replace(",", "")
        raise GridError(f"{text!r} reads as a list with {word} in it; write {cure} for one number")
    try:
        return int(word) if field.kind == "integer" else float(word)
    except ValueError:
        kind = "a whole number" if field.kind == "integer" else "a number"
        raise GridError(f"{word!r} is not {kind}; write values with commas between, such as 1, 2, 4") from None
