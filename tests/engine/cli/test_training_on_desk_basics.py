"""A training run on real applications, from the first desktop to the last checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.config import load_config
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.events import CheckpointSaved, DesktopsSeen, EpisodeEnded, GroupCollected, RunEnded
from arpo_engine.contract.fleet import DesktopPhase
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.reporting import read_spool
from arpo_engine.desktops.xvfb import requirements
from arpo_engine.models.policy import Policy
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.home import scoring_home

PRESET = Path("configs/desk_basics_train.yaml")


def test_it_practises_real_applications_on_screens_of_the_policys_size():
    config = load_config(PRESET)
    tasks = load_split(config.tasks.source, config.tasks.train)
    assert {task.domain for task in tasks} >= {"os", "chrome", "libreoffice_calc", "libreoffice_writer"}
    assert not any(task.infeasible for task in tasks), "it would learn to give up"
    policy = Policy.load(config.model.path, max_pixels=config.model.max_pixels)
    assert policy.chat.patches.grid(config.desktops.width, config.desktops.height) == (6, 8), (
        "168 x 224, in cells of 28"
    )


@pytest.mark.slow
def test_a_training_run_on_real_applications_ends_with_groups_scores_and_checkpoints(tmp_path: Path):
    if problem := requirements.missing():
        pytest.skip(problem)
    try:
        scoring_home()
    except TaskError as error:
        pytest.skip(str(error))
    words = ["limits.steps=2", "rollout.tasks_per_step=2", "rollout.group_size=2"]
    assert main(["train", "--config", str(PRESET), *words, "--run-dir", str(tmp_path), "--quiet"]) == 0
    events = [line.event for line in read_spool(tmp_path / "events.jsonl")]
    ended = [event for event in events if isinstance(event, EpisodeEnded)]
    assert len(ended) == 8
    assert all(event.score is not None for event in ended), "each was scored by OSWorld's code"
    assert [event.step for event in events if isinstance(event, CheckpointSaved)] == [0, 1, 2]
    assert len({event.task_id for event in events if isinstance(event, GroupCollected)}) == 4
    phases = {seen.phase for event in events if isinstance(event, DesktopsSeen) for seen in event.desktops}
    assert {DesktopPhase.ASLEEP, DesktopPhase.ACTING} <= phases, "the second desktop came when episodes waited"
    (last,) = [event for event in events if isinstance(event, RunEnded)]
    assert last.outcome is RunOutcome.FINISHED
    assert Policy.load(tmp_path / "checkpoints" / "step_000002" / "policy").chat.patches.limits.max_pixels == 37632
