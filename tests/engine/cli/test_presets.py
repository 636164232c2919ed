"""The presets that ship: they load, tell what they are, and differ in what they say they differ in."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.config import load_config
from arpo_engine.tasks import load_split

PRESETS = sorted(Path("configs").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=[path.stem for path in PRESETS])
def test_a_preset_loads_and_tells_what_it_is_for(path: Path):
    config = load_config(path)
    assert config.title != "Untitled run"
    assert len(config.story) > 100


def test_the_demo_without_replay_is_the_demo_otherwise():
    demo, plain = (load_config(Path(f"configs/pocket_{name}.yaml")).model_dump() for name in ("demo", "grpo"))
    demo["algorithm"].pop("replay")
    assert (demo["algorithm"].pop("kind"), plain["algorithm"].pop("kind")) == ("arpo", "grpo")
    for words in ("title", "story"):
        assert demo.pop(words) != plain.pop(words)
    assert demo == plain


def test_the_demo_measures_on_tasks_that_it_does_not_practise():
    tasks = load_config(Path("configs/pocket_demo.yaml")).tasks
    practised = {task.id for task in load_split(tasks.source, tasks.train)}
    assert not practised & {task.id for task in load_split(tasks.source, tasks.held_out)}
