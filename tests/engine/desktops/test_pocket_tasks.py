from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from arpo_engine.contract.tasks import Task
from arpo_engine.desktops.pocket.tasks import (
    HELD_OUT_SEEDS,
    INFEASIBLE_PER_SPLIT,
    SPLIT_SIZE,
    TRAIN_SEEDS,
    make_split,
    make_task,
    write_splits,
)
from arpo_engine.desktops.pocket.templates import TEMPLATES
from arpo_engine.desktops.pocket.vocabulary import HELD_OUT, POOLS, TRAIN, VOCABULARY, PoolName, pool_words
from arpo_engine.tasks import load_split, task_set_hash

SHIPPED = Path(__file__).parents[3] / "configs" / "tasks" / "pocket"


@pytest.fixture(params=list(POOLS))
def pool(request: pytest.FixtureRequest) -> PoolName:
    name: PoolName = request.param
    return name


def test_the_shipped_files_are_what_the_generator_makes(pool: PoolName, tmp_path: Path) -> None:
    write_splits(tmp_path)
    assert (tmp_path / f"{pool}.json").read_text() == (SHIPPED / f"{pool}.json").read_text()
    assert task_set_hash(load_split(SHIPPED, pool)) == task_set_hash(make_split(pool))


def test_a_split_has_every_template_and_few_infeasible_tasks(pool: PoolName) -> None:
    tasks = load_split(SHIPPED, pool)
    assert len(tasks) == SPLIT_SIZE
    assert sum(task.infeasible for task in tasks) == INFEASIBLE_PER_SPLIT
    assert {_field(task, "template") for task in tasks} == set(TEMPLATES)
    assert len(TEMPLATES) - sum(template.infeasible for template in TEMPLATES.values()) >= 24


def test_the_pools_share_no_word() -> None:
    assert not set(pool_words(TRAIN)) & set(pool_words(HELD_OUT))
    assert len({word.lower() for word in VOCABULARY}) <= 120


def test_tasks_ask_only_for_words_of_their_own_pool(pool: PoolName) -> None:
    others = set(pool_words(POOLS["held_out" if pool == "train" else "train"]))
    for task in load_split(SHIPPED, pool):
        assert not set(task.instruction.split()) & others


def test_the_splits_and_the_endless_tasks_never_share_a_desktop() -> None:
    seeds = {pool: {_seed(task) for task in load_split(SHIPPED, pool)} for pool in POOLS}
    assert seeds["train"] <= set(TRAIN_SEEDS)
    assert seeds["held_out"] <= set(HELD_OUT_SEEDS)
    rng = random.Random(0)
    endless = {_seed(make_task(rng.choice(list(TEMPLATES)), rng, "train")) for _ in range(200)}
    assert not endless & (set(TRAIN_SEEDS) | set(HELD_OUT_SEEDS))


def test_training_desktops_carry_several_instructions_and_instructions_several_desktops() -> None:
    tasks = load_split(SHIPPED, "train")
    on_desktop = Counter(_seed(task) for task in tasks)
    told = Counter(task.instruction for task in tasks)
    assert sum(count >= 3 for count in on_desktop.values()) > len(on_desktop) / 2
    assert sum(told[task.instruction] >= 2 for task in tasks) > len(tasks) / 2


def test_the_same_draw_makes_the_same_task() -> None:
    one, other = (make_task("rename-file", random.Random(4), "held_out") for _ in range(2))
    assert one.content_hash == other.content_hash
    assert make_task("rename-file", random.Random(5), "held_out").content_hash != one.content_hash


def test_a_task_survives_its_file(pool: PoolName) -> None:
    for task in make_split(pool)[:10]:
        assert Task.model_validate(json.loads(task.model_dump_json())) == task


def test_lists_on_the_screen_hold_words_of_both_pools(pool: PoolName) -> None:
    for task in load_split(SHIPPED, pool):
        state = task.config[0].parameters
        for shown in (state["options"], state["files"], state["people"], state["colors"], state["table"]):
            assert set(shown) & set(pool_words(TRAIN))
            assert set(shown) & set(pool_words(HELD_OUT))


def _field(task: Task, name: str) -> object:
    return (task.model_extra or {})[name]


def _seed(task: Task) -> int:
    seed = task.config[0].parameters["seed"]
    assert isinstance(seed, int)
    return seed
