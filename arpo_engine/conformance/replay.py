"""Cases of the replay buffer: whole steps of scores in, the rows of each batch and the buffer's content out.

The algorithm is the training's own, in paper mode. The published code draws its success from Python's global random
generator, whose state no case holds: any success that was remembered before the step is the same answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from arpo_engine.algorithms.arpo import Arpo
from arpo_engine.algorithms.base import Collected
from arpo_engine.conformance.arrays import TOLERANCE, numbers, read_array, same_number
from arpo_engine.contract.config import ArpoConfig, ReplayConfig
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.types import Trajectory

FUNCTION = "RayPPOTrainer.apply_replay"
CAPACITY = re.compile(r"buffer_size=(\d+)")


def difference(case: Mapping[str, Any]) -> str:
    """The first thing in which our replay differs from the expected one, in words; empty if nothing does.

    Raises:
        ConfigError: the case has no steps, or a group has not `rollout_n` scores.
    """
    steps, expected = _steps(case), case["outputs"]["per_step"]
    if len(steps) != len(expected):
        return f"per_step: {len(expected)} steps expected, the inputs have {len(steps)}"
    named = CAPACITY.search(str(case["function"]))
    capacity = int(case["inputs"].get("buffer_size", named.group(1) if named else 8))
    algorithm = Arpo(ArpoConfig(mode="paper", replay=ReplayConfig(capacity_per_task=capacity)), seed=0)
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for number, (groups, wanted) in enumerate(zip(steps, expected, strict=True)):
        found = _step_difference(algorithm, number, groups, wanted, scores)
        if found:
            return f"step {number}: {found}"
    return ""


def _step_difference(
    algorithm: Arpo, number: int, groups: list[Any], wanted: Mapping[str, Any], scores: defaultdict[str, list[float]]
) -> str:
    collected = [_collected(number, task, given) for task, given in groups]
    for item in (item for group in collected for item in group.fresh):
        # A task that stands twice in a step has rows of one name in a file, so a name may have several scores.
        scores[item.episode_id].append(float(item.score or 0.0))
    before = algorithm.remembered()
    members = [(group.task_id, member) for group in algorithm.prepare(collected).groups for member in group.members]
    rows, evals = wanted["batch_rows"], read_array(wanted["batch_evals"]).tolist()
    if not len(rows) == len(evals) == len(members):
        return f"batch_rows: {len(rows)} rows and {len(evals)} scores expected, {len(members)} came"
    for place, ((task, member), row, score) in enumerate(zip(members, rows, evals, strict=True)):
        own = member.trajectory.episode_id
        possible = before.get(task, []) if member.replaced is not None else [own]
        if row not in possible:
            return f"batch_rows: row {place} is {row!r} in the file, ours is {own!r}"
        known = scores[row] if member.replaced is not None else [float(member.trajectory.score or 0.0)]
        if not any(same_number(score, one, TOLERANCE["float32"]) for one in known):
            return f"batch_evals: {row!r} has {score!r} in the file, ours has {known[-1]!r}"
    content = {task: episodes for task, episodes in algorithm.remembered().items() if episodes}
    return "" if content == wanted["buffer"] else f"buffer: {wanted['buffer']} expected, {content} came"


def _steps(case: Mapping[str, Any]) -> list[list[Any]]:
    inputs = case["inputs"]
    size, steps = inputs.get("rollout_n"), numbers(inputs.get("steps"))
    if not isinstance(steps, list):
        raise ConfigError("a case of the replay buffer needs inputs.steps: for each step a list of [task, scores]")
    for number, (task, given) in ((number, group) for number, groups in enumerate(steps) for group in groups):
        if size is not None and len(given) != size:
            raise ConfigError(f"step {number}: {task} has {len(given)} scores; give rollout_n = {size} of them")
    return steps


def _collected(number: int, task: str, scores: list[float]) -> Collected:
    """A group of rollouts without turns; scores are float32, as the published code keeps them."""
    fresh = tuple(
        Trajectory(
            episode_id=f"s{number}.{task}.{slot}",
            task_id=task,
            steps=(),
            ended_by=EndedBy.FINISHED,
            score=float(np.float32(score)),
            # Advantages are no part of such a case, and a training refuses a reward that is no number.
            reward=float(np.float32(score)) if np.isfinite(score) else 0.0,
            collected_at_step=number,
        )
        for slot, score in enumerate(scores)
    )
    return Collected(group_id=f"s{number}.{task}", task_id=task, fresh=fresh)
