"""The recorded run: through the same door as a live one, once, for everybody, and never half."""

from __future__ import annotations

import json
import zipfile
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from arpo_engine.contract import events as wire
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.reporting import RunRecorder
from tests.web.builders import one_step, started
from webapp.accounts.models import User
from webapp.episodes.models import Frame, Step
from webapp.runs.access import run_visible_to
from webapp.runs.models import Run, RunStatus

pytestmark = pytest.mark.django_db


def record(folder: Path, *, to_its_end: bool = True) -> Path:
    """A zipped run folder as the engine leaves it."""
    recorder = RunRecorder(folder, 1, frames=FramesConfig())
    recorder.emit(started(total_steps=2))
    recorder.emit(
        wire.EpisodeStarted(episode_id="e1", task_id="t", instruction="i", split=Split.TRAIN, step=1, desktop="d")
    )
    frame = recorder.store_frame(np.zeros((6, 8, 3), dtype=np.uint8))
    recorder.emit(wire.EpisodeStepTaken(episode_id="e1", index=0, frame=frame))
    for event in [*one_step(1), *one_step(2)]:
        recorder.emit(event)
    if to_its_end:
        recorder.emit(wire.RunEnded(outcome=RunOutcome.FINISHED, step=2))
    recorder.close()
    config = RunConfig(title="A recorded run").model_dump(mode="json")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    file = folder.with_suffix(".zip")
    with zipfile.ZipFile(file, "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, Path("run") / path.relative_to(folder))
    return file


def load(file: Path) -> str:
    out = StringIO()
    call_command("load_example_run", str(file), stdout=out)
    return out.getvalue()


def test_a_recorded_run_is_loaded_with_its_frames_and_marked(tmp_path: Path) -> None:
    assert "loaded" in load(record(tmp_path / "recorded"))
    run = Run.objects.get(is_example=True)
    assert (run.name, run.status, run.step) == ("A recorded run", RunStatus.FINISHED, 2)
    assert Step.objects.filter(episode__run=run).count() == 1
    assert Frame.objects.get(run=run).stored_at is not None


def test_the_same_file_is_loaded_once(tmp_path: Path) -> None:
    file = record(tmp_path / "recorded")
    load(file)
    assert "is there already" in load(file)
    assert Run.objects.filter(is_example=True).count() == 1


def test_every_signed_in_person_may_look(tmp_path: Path, stranger: User) -> None:
    load(record(tmp_path / "recorded"))
    assert run_visible_to(stranger, Run.objects.get(is_example=True).pk) is not None


def test_a_run_that_did_not_end_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="record a run to its end"):
        load(record(tmp_path / "recorded", to_its_end=False))
    assert not Run.objects.exists()


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(b"no zip")
    with pytest.raises(CommandError, match="no zip file"):
        load(file)


def test_a_zip_without_a_run_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(CommandError, match=r"holds no events\.jsonl"):
        load(file)
