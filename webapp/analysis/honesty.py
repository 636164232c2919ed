"""What makes the numbers of several runs hard to compare, in sentences. Knows configs, counts and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from webapp.analysis.cells import Cell, Row
from webapp.analysis.differing import differing
from webapp.counted import counted
from webapp.runs.models import Run

TASK_SETTINGS: Final = (
    "tasks.source", "tasks.train", "tasks.held_out", "tasks.only", "tasks.limit", "tasks.infeasible",
    "tasks.selection.kind", "validation.tasks", "evaluation.split", "evaluation.select", "evaluation.tasks",
)  # fmt: skip
SAMPLING: Final = ("temperature", "top_p", "max_steps", "max_new_tokens")
MEASURING: Final = {"train": "validation", "evaluate": "evaluation"}
"""The part of a config that says how tries are sampled when a run of this kind measures."""
FAULT_SETTINGS: Final = ("rollout.retries", "rollout.episode_timeout_s", "desktops.step_timeout_s")
LOST_SHARE: Final = 0.05
"""From here on tries that were lost to faults may well have changed a rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One reason to be careful, and what it rests on."""

    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What has to be known of one run."""

    name: str
    kind: str
    config: Mapping[str, Any]
    step: int
    ended: bool


def sides_of(runs: Sequence[Run]) -> list[Side]:
    """What has to be known of these runs."""
    return [Side(name=run.name, kind=run.kind, config=run.config, step=run.step, ended=run.has_ended) for run in runs]


def notes_of(sides: Sequence[Side], rows: Sequence[Row], totals: Sequence[Cell], shared: int, tries: str) -> list[Note]:
    """All reasons, the gravest first."""
    found = [_tasks(sides, rows, shared), _sampling(sides, tries), *_faults(sides, totals), _lengths(sides)]
    return [note for note in found if note is not None]


def _tasks(sides: Sequence[Side], rows: Sequence[Row], shared: int) -> Note | None:
    every = sum(bool(row.tried) for row in rows)
    if every == shared:
        return None
    causes = [setting for setting in differing([side.config for side in sides]) if setting.path in TASK_SETTINGS]
    why = tuple(_who(sides, setting.path, setting.values) for setting in causes)
    return Note(
        text=f"These rates are not of the same tasks: {shared} of {every} shared. Compare the row of the shared ones.",
        details=why,
    )


def _sampling(sides: Sequence[Side], tries: str) -> Note | None:
    configs = [sampling_of(side, tries) for side in sides]
    found = differing(configs)
    if not found:
        return None
    words = ", ".join(setting.path.replace("_", " ") for setting in found)
    details = tuple(_who(sides, setting.path, setting.values) for setting in found)
    return Note(text=f"They were not sampled alike: {words} differ{'s' if len(found) == 1 else ''}.", details=details)


def sampling_of(side: Side, tries: str) -> dict[str, Any]:
    """How the run samples the tries that are compared."""
    rollout = side.config.get("rollout") or {}
    part = side.config.get(MEASURING.get(side.kind, "")) or {} if tries not in ("train", "selection") else rollout
    generator = side.config.get("generator") or {}
    asked = {name: part.get(name) for name in SAMPLING}
    # None there means: as in a rollout, or the generator's own.
    asked["max_steps"] = asked["max_steps"] if asked["max_steps"] is not None else rollout.get("max_steps")
    if asked["max_new_tokens"] is None:
        asked["max_new_tokens"] = generator.get("max_new_tokens")
    return asked


def _faults(sides: Sequence[Side], totals: Sequence[Cell]) -> list[Note]:
    found = []
    settings = [setting for setting in differing([side.config for side in sides]) if setting.path in FAULT_SETTINGS]
    if settings:
        details = tuple(_who(sides, setting.path, setting.values) for setting in settings)
        found.append(Note(text="They treat infrastructure faults differently.", details=details))
    lost = [
        (side.name, cell.lost, cell.faults, cell.tries)
        for side, cell in zip(sides, totals, strict=True)
        if cell.lost and cell.lost / (cell.tries + cell.lost) >= LOST_SHARE
    ]
    if lost:
        details = tuple(
            f"{name}: {counted(gone, 'try', 'tries')} lost for good, beside {tries} scored"
            for name, gone, _, tries in lost
        )
        text = "Many tries were lost to infrastructure faults; see what the switch changes."
        found.append(Note(text=text, details=details))
    return found


def _lengths(sides: Sequence[Side]) -> Note | None:
    trained = [side for side in sides if side.kind == "train"]
    under_way = [side for side in sides if not side.ended]
    if len({side.step for side in trained}) <= 1 and not under_way:
        return None
    details = tuple(
        f"{side.name}: step {side.step}{'' if side.ended else ', still under way'}" for side in [*trained, *under_way]
    )
    text = "They did not train for equally many steps." if len({side.step for side in trained}) > 1 else ""
    if under_way:
        text += f" {len(under_way)} {'is' if len(under_way) == 1 else 'are'} still under way, so these numbers change."
    return Note(text=text.strip(), details=tuple(dict.fromkeys(details)))


def _who(sides: Sequence[Side], path: str, values: Sequence[str]) -> str:
    """`tasks.limit: 32 (A, B); none (C)`."""
    names: dict[str, list[str]] = {}
    for side, value in zip(sides, values, strict=True):
        names.setdefault(value, []).append(side.name)
    return f"{path}: " + "; ".join(f"{value} ({', '.join(who)})" for value, who in names.items())
