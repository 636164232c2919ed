"""A run's numbers by training step, from our own run folder or from what an earlier trainer left behind.

Reads a run folder's events; verl's console line; the console of the published code (a step's numbers as YAML, NumPy's
among them as pickles, of which only the eight bytes of the number are looked at); EasyR1's `experiment_log.jsonl`; and
W&B's CSV exports. Executes nothing. Knows no tracker.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
import math
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from arpo_engine.contract.config.loading import load_config
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.events import Envelope, Event, MetricsLogged, RunStarted
from arpo_engine.contract.published_metrics import PUBLISHED, MetricNames, named
from arpo_engine.contract.reporting.spool import SPOOL_NAME, read_lines

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RAY = re.compile(r"^\([^()]*\b(?:pid|ip)=[^()]*\) ?")
"""What Ray puts before the lines of its workers."""
_LINE = re.compile(r"\bstep:(\d+)((?: - [^\s:]+:[^\s]+)+)")
_NUMPY = re.compile(r"^np\.float\d+\((.*)\)$")
_HEAD = re.compile(r"^Step (\d+)$")
_ENTRY = re.compile(r"^( *)([A-Za-z_][\w.-]*):(?: (.*))?$")
_GROUPS = frozenset(row.name.partition("/")[0] for row in PUBLISHED)
_BINARY = "!!binary |"
_STEPS = ("_step", "Step", "step", "global_step", "trainer/global_step")
_BOUNDS = ("__MIN", "__MAX")


@dataclass(frozen=True, slots=True)
class Curves:
    """The numbers of one run."""

    run: str
    steps: dict[int, dict[str, float]] = field(default_factory=dict)

    def add(self, step: int, name: str, value: float | None) -> None:
        """A later number of the same step and name counts; one that is not finite does not."""
        if value is not None and math.isfinite(value):
            self.steps.setdefault(step, {})[name] = value


def read_curves(path: Path, names: MetricNames) -> list[Curves]:
    """The runs that a run folder, a log or an export holds. `names` is about run folders; others are as they are.

    Raises:
        ConfigError: it cannot be read, or holds no numbers of a step.
    """
    try:
        if path.is_dir():
            found = [_own(path, names)]
        elif path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
                found = _exported(path.stem, csv.DictReader(file))
        else:
            with path.open(encoding="utf-8", errors="replace") as file:
                found = [_logged(path.stem, file)]
    except (OSError, csv.Error) as error:
        raise ConfigError(f"cannot read {path}: {error}; give a run folder, a log or a CSV export") from error
    found = [curves for curves in found if curves.steps]
    if not found:
        raise ConfigError(
            f"{path} has no numbers of a training step; give a run folder of ours, a log with verl's lines "
            "(`step:1 - actor/pg_loss:…`) or the published code's (`Step 1` and YAML), or a CSV that W&B exported"
        )
    return found


def _own(folder: Path, names: MetricNames) -> Curves:
    """Of an attempt that was resumed, the steps before its checkpoint stay; what it does again counts instead."""
    config = load_config(folder / "config.json")
    ours: dict[int, dict[str, float | None]] = {}
    for line in read_lines(folder / SPOOL_NAME):
        if b"MetricsLogged" not in line.raw and b"RunStarted" not in line.raw:
            continue
        event = _event(line.raw, folder)
        if isinstance(event, RunStarted):
            kept = -1 if event.resumed_from_step is None else event.resumed_from_step
            ours = {step: values for step, values in ours.items() if step <= kept}
        elif isinstance(event, MetricsLogged):
            ours.setdefault(event.step, {}).update(event.values)
    curves = Curves(folder.name)
    for step, values in sorted(ours.items()):
        curves.steps[step] = named(values, names, config.algorithm.kl.place)
    return curves


def _event(raw: bytes, folder: Path) -> Event:
    try:
        return Envelope.model_validate_json(raw).event
    except ValidationError as error:
        raise ConfigError(
            f"{folder / SPOOL_NAME} has a line that is no event: {error.errors()[0]['msg']}; it was changed or written "
            "by a newer engine, so read it with that one"
        ) from error


def _logged(run: str, lines: Iterable[str]) -> Curves:
    curves, block = Curves(run), _Block()
    for raw in lines:
        line = _RAY.sub("", _COLOUR.sub("", raw.rstrip("\r\n")))
        if found := _LINE.search(line):
            for word in found[2].split(" - ")[1:]:
                name, _, text = word.rpartition(":")
                curves.add(int(found[1]), name, _number(text))
        elif line.startswith("{"):
            step, values = _json_line(line)
            for name, value in values if step is not None else ():
                curves.add(step or 0, name, value)
        else:
            for step, name, value in block.read(line):
                curves.add(step, name, value)
    return curves


class _Block:
    """The published console's YAML, line by line: names by their indents, and numbers, some of them pickled."""

    def __init__(self) -> None:
        self._step: int | None = None
        self._path: list[str] = []
        self._pickled: int | None = None
        """The indent of the name whose number is a pickle; what stands deeper belongs to that."""
        self._binary = False

    def read(self, line: str) -> Iterator[tuple[int, str, float | None]]:
        """What the line adds."""
        if head := _HEAD.match(line):
            self._step, self._path, self._pickled, self._binary = int(head[1]), [], None, False
        elif self._step is None:
            return
        elif self._binary:
            self._binary = False
            yield self._step, "/".join(self._path), _eight_bytes(line)
        elif line.strip().removeprefix("- ") == _BINARY:
            self._binary = self._pickled is not None
        elif entry := _ENTRY.match(line):
            yield from self._entry(self._step, len(entry[1]), entry[2], entry[3] or "")

    def _entry(self, step: int, indent: int, key: str, text: str) -> Iterator[tuple[int, str, float | None]]:
        if self._pickled is not None and indent > self._pickled:
            return
        self._path = [*self._path[: indent // 2], key]
        known = self._path[0] in _GROUPS and len(self._path) == indent // 2 + 1
        self._pickled = indent if known and "!!python/object" in text else None
        if known and text and self._pickled is None:
            yield step, "/".join(self._path), _number(text)


def _exported(run: str, rows: csv.DictReader[str]) -> list[Curves]:
    """A chart's CSV has a column `run - metric` for each run; a history's has the metrics, ours a column `run` too."""
    columns = [name for name in rows.fieldnames or () if name and not name.endswith(_BOUNDS)]
    axis = next((name for name in _STEPS if name in columns), None)
    found: dict[str, Curves] = {}
    for row in rows if axis is not None else ():
        step = _number(row[axis] or "") if axis is not None else None
        if step is None or not math.isfinite(step):
            continue
        for column in columns:
            owner, _, metric = column.rpartition(" - ")
            value = _number(row[column] or "")
            if column != axis and value is not None and not metric.startswith("_"):
                whose = owner or row.get("run") or run
                found.setdefault(whose, Curves(whose)).add(int(step), metric, value)
    return list(found.values())


def _json_line(line: str) -> tuple[int | None, list[tuple[str, float | None]]]:
    try:
        tree = json.loads(line)
    except (ValueError, RecursionError):
        return None, []
    step = tree.pop("step", None)
    if not isinstance(step, int) or step < 0:
        return None, []
    return step, [(name, value) for name, value in _leaves(tree) if isinstance(value, int | float)]


def _leaves(tree: Mapping[str, Any], prefix: str = "", levels: int = 3) -> Iterator[tuple[str, Any]]:
    """Names with slashes, as the trainers write them; no metric's name has more levels."""
    for name, value in tree.items():
        if not isinstance(value, dict):
            yield f"{prefix}{name}", value
        elif levels:
            yield from _leaves(value, f"{prefix}{name}/", levels - 1)


def _number(text: str) -> float | None:
    wrapped = _NUMPY.match(text)
    try:
        return float(wrapped[1] if wrapped else text)
    except ValueError:
        return None


def _eight_bytes(line: str) -> float | None:
    """A double as NumPy pickles it."""
    try:
        data = base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return float(struct.unpack("<d", data)[0]) if len(data) == 8 else None
