"""The presets that ship: they load, tell what they are, and differ in what they say they differ in."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.config import load_config
from arpo_engine.contract.config.verl.published import flat
from arpo_engine.contract.config.verl.published_run import NAMES, RunName, published_run
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


@pytest.mark.parametrize("name", NAMES)
def test_a_published_run_has_the_numbers_of_its_script(name: RunName):
    elsewhere = {"title", "story", "model.path", "tasks.source", "records.", "desktops.pause_s"}
    elsewhere |= {"rollout.episode_timeout_s"}
    ours = flat(load_config(Path(f"configs/arpo_{name}.yaml")).model_dump(mode="json"))
    theirs = flat(published_run(name).config.model_dump(mode="json"))
    apart = {path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path)}
    assert {path for path in apart if not any(path.startswith(part) for part in elsewhere)} == set()


@pytest.mark.parametrize(
    ("name", "gpu_gb"), [("arpo_full128", 141), ("arpo_subset32", 80), ("uitars2b_single_gpu", 24)]
)
def test_a_preset_for_gpus_fits_those_that_it_speaks_of(name: str, gpu_gb: int, capsys: pytest.CaptureFixture[str]):
    assert main(["plan", "--config", f"configs/{name}.yaml", "--gpu-gb", str(gpu_gb)]) == 0
    assert "it fits" in capsys.readouterr().out


def test_the_run_for_one_gpu_does_not_fit_a_smaller_one(capsys: pytest.CaptureFixture[str]):
    assert main(["plan", "--config", "configs/uitars2b_single_gpu.yaml", "--gpu-gb", "8"]) == 3
    assert "it does not fit" in capsys.readouterr().out


def test_the_run_whose_list_was_never_published_asks_for_one():
    config = load_config(Path("configs/arpo_subset32.yaml"))
    assert "never published" in config.story and f"{config.tasks.train}.json" in config.story
