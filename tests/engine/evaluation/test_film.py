"""One task before and after training, drawn from recorded runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arpo_engine.cli.commands import main
from arpo_engine.contract.actions import Action, Click, Finished, TypeText
from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.events import EpisodeEnded, EpisodeStarted, EpisodeStepTaken
from arpo_engine.contract.outcomes import EndedBy, Split
from arpo_engine.contract.reporting import RunRecorder
from arpo_engine.evaluation.film import choose_pair, takes

SOLUTION: list[Action] = [Click(x=14, y=42), TypeText(text="tea"), Finished()]


def record(folder: Path, task_id: str, score: float, *, split: Split = Split.EVALUATION) -> Path:
    """A run folder with one episode in it."""
    random = np.random.default_rng(7)
    recorder = RunRecorder(folder, 1, frames=FramesConfig())
    recorder.emit(
        EpisodeStarted(episode_id="e1", task_id=task_id, instruction="Write note tea", split=split, step=1, desktop="d")
    )
    for index, action in enumerate(SOLUTION):
        frame = recorder.store_frame(random.integers(0, 255, (168, 224, 3), dtype=np.uint8))
        recorder.emit(EpisodeStepTaken(episode_id="e1", index=index, frame=frame, thought="click Notes", action=action))
    last = recorder.store_frame(random.integers(0, 255, (168, 224, 3), dtype=np.uint8))
    recorder.emit(EpisodeEnded(episode_id="e1", ended_by=EndedBy.FINISHED, score=score, reward=score, frame=last))
    recorder.close()
    return folder


def test_a_task_failed_before_and_solved_after_becomes_a_moving_picture(tmp_path: Path) -> None:
    before, after = record(tmp_path / "before", "t1", 0.0), record(tmp_path / "after", "t1", 1.0)
    words = ["film", "--before", str(before), "--after", str(after), "--out", str(tmp_path / "film.webp")]
    assert main(words) == 0
    with Image.open(tmp_path / "film.webp") as picture:
        assert picture.n_frames == len(SOLUTION) + 1
        assert picture.width > 2 * 2 * 224


def test_a_task_that_was_never_solved_is_not_shown_as_progress(tmp_path: Path) -> None:
    before, after = record(tmp_path / "before", "t1", 0.0), record(tmp_path / "after", "t1", 0.0)
    with pytest.raises(ArpoError, match="not failed before and solved after"):
        choose_pair(takes(before), takes(after))


def test_episodes_that_were_trained_on_are_not_shown(tmp_path: Path) -> None:
    before = record(tmp_path / "before", "t1", 0.0)
    with pytest.raises(ArpoError, match=r"frames\.sample_every=1"):
        choose_pair(takes(before), takes(record(tmp_path / "after", "t1", 1.0, split=Split.TRAIN)))
