"""Makes pocket tasks: endlessly for demonstrations, and the two fixed splits that are shipped as files.

    python -m arpo_engine.desktops.pocket.tasks configs/tasks/pocket

Training tasks share desktops and instructions on purpose: each desktop carries several instructions and most
instructions occur on several desktops, so neither the screen nor the instruction alone says what to do.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

from arpo_engine.contract.tasks import Evaluator, SetupStep, Task
from arpo_engine.desktops.pocket.desktop import SETUP_STEP
from arpo_engine.desktops.pocket.state import draw_state
from arpo_engine.desktops.pocket.templates import TEMPLATES, Template, Unfit
from arpo_engine.desktops.pocket.vocabulary import POOLS, PoolName

TRAIN_SEEDS = range(0, 1_000)
HELD_OUT_SEEDS = range(1_000, 2_000)
ENDLESS_SEEDS = range(10_000, 2**31)

SPLIT_SIZE = 96
INFEASIBLE_PER_SPLIT = 8
TRAIN_DESKTOPS = 24
_TRIES = 200
_ENOUGH_TRIES_FOR_TWIN = 40


def make_task(template: str, rng: random.Random, pool: PoolName) -> Task:
    """A fresh task of a kind, on a desktop that no shipped split has."""
    kind = TEMPLATES[template]
    for _ in range(_TRIES):
        try:
            return compose(kind, rng.randrange(ENDLESS_SEEDS.start, ENDLESS_SEEDS.stop), rng, pool)
        except Unfit:
            continue
    raise Unfit(f"no desktop was drawn in {_TRIES} tries that can carry the task {template!r}")


def compose(template: Template, seed: int, rng: random.Random, pool: PoolName) -> Task:
    """The task of a kind on the desktop of a seed.

    Raises:
        Unfit: that desktop cannot carry it.
    """
    draft = template.compose(draw_state(seed), rng, POOLS[pool])
    fields = {"template": template.name, "words": list(draft.words), "pool": pool}
    return Task(
        id=f"pocket-{template.name}-{seed:04d}",
        instruction=draft.instruction,
        snapshot="pocket",
        related_apps=list(template.apps),
        config=[SetupStep(type=SETUP_STEP, parameters=draft.state.model_dump(mode="json"))],
        evaluator=Evaluator(**draft.evaluator),
        **fields,  # a task keeps fields that its schema does not name
    )


def make_split(pool: PoolName) -> list[Task]:
    """The shipped tasks of a split; always the same."""
    rng = random.Random(f"pocket {pool}")
    seeds = _train_seeds(rng) if pool == "train" else list(HELD_OUT_SEEDS)
    feasible = [template for template in TEMPLATES.values() if not template.infeasible]
    infeasible = [template for template in TEMPLATES.values() if template.infeasible]
    kinds = [feasible[at % len(feasible)] for at in range(SPLIT_SIZE - INFEASIBLE_PER_SPLIT)]
    kinds += [infeasible[at % len(infeasible)] for at in range(INFEASIBLE_PER_SPLIT)]
    tasks: dict[str, Task] = {}
    for at, kind in enumerate(kinds):
        task = _fitting(kind, seeds[at:] + seeds[:at], rng, pool, tasks)
        tasks[task.id] = task
    shuffled = list(tasks.values())
    rng.shuffle(shuffled)
    return shuffled


def write_splits(folder: Path) -> list[Path]:
    """Write `<split>.json` for every pool."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for pool in POOLS:
        path = folder / f"{pool}.json"
        tasks = [task.model_dump(mode="json") for task in make_split(pool)]
        lines = ",\n".join(json.dumps(task, ensure_ascii=False) for task in tasks)
        path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        written.append(path)
    return written


def _train_seeds(rng: random.Random) -> list[int]:
    desktops = rng.sample(TRAIN_SEEDS, TRAIN_DESKTOPS)
    return [desktops[at % TRAIN_DESKTOPS] for at in range(SPLIT_SIZE)]


def _fitting(template: Template, seeds: list[int], rng: random.Random, pool: PoolName, taken: dict[str, Task]) -> Task:
    """A task on the first seed that can carry it; in training, every second one repeats an earlier instruction."""
    told = Counter(task.instruction for task in taken.values() if task.id.startswith(f"pocket-{template.name}-"))
    lonely = {instruction for instruction, times in told.items() if times == 1}
    wants_twin = pool == "train" and bool(lonely)
    spare: Task | None = None
    for tries, seed in enumerate(seeds * 8):
        try:
            task = compose(template, seed, rng, pool)
        except Unfit:
            continue
        if task.id in taken:
            continue
        spare = spare or task
        if not wants_twin or task.instruction in lonely or tries > _ENOUGH_TRIES_FOR_TWIN * 8:
            return task
    if spare is None:
        raise Unfit(f"no desktop of the split {pool!r} can carry the task {template.name!r}")
    return spare


def main() -> None:
    """Write the shipped splits into a folder."""
    parser = argparse.ArgumentParser(description="Write the pocket desktop's task files.")
    parser.add_argument("folder", type=Path)
    write_splits(parser.parse_args().folder)


if __name__ == "__main__":
    main()
