"""What the keys below `trainer.` become: how long a run goes on, what it keeps, whom it tells.

Sources: the published code's `ray_trainer.py` and `logger.py` (revision 7489ae3), and EasyR1's.
"""

from __future__ import annotations

from typing import Any

from arpo_engine.contract.config.records import MIRRORS
from arpo_engine.contract.config.verl.rules_data import is_placeholder
from arpo_engine.contract.config.verl.rules_ranks import ranks
from arpo_engine.contract.config.verl.verdicts import (
    Judgement,
    Reading,
    Refusal,
    Rule,
    adapted,
    counted,
    done_by_itself,
    inert,
    mapped,
    only,
)

_NO_MIRROR = {
    "swanlab": "there is no mirror for swanlab; use tensorboard or wandb, or `arpo_engine metrics` for a CSV",
    "file": "file: the run's events.jsonl has every number",
}
"""Loggers of theirs whose part something else does here."""
_LONGEST_NAME = 120


def steps_per_epoch(reading: Reading) -> int:
    """Whole batches of an epoch, as the published data loader counts them (the last one is dropped if incomplete).

    Raises:
        Refusal: the tasks cannot be counted, or make no batch.
    """
    batch = reading.whole("data.rollout_batch_size")
    if reading.tasks is None:
        raise Refusal(
            f"how many tasks {reading.get('data.train_files')} has is not known here, so neither how many steps an "
            "epoch has; put the list beside the script, or write trainer.max_steps"
        )
    if reading.tasks < batch:
        raise Refusal(
            f"the list has {reading.tasks} tasks and a batch {batch}, so there is no step; use a smaller batch"
        )
    return reading.tasks // batch


def _epochs(reading: Reading, key: str) -> Judgement:
    epochs = reading.whole(key)
    most = reading.get("trainer.max_steps")
    if reading.tasks is None and most is not None:
        return adapted("trainer.max_steps decides; the epochs cannot be counted without the list")
    if not reading.is_command and is_placeholder(reading, "data.train_files"):
        return adapted(f"{epochs} epochs; how many steps that are follows from the list that a script gives")
    if not str(reading.get("data.train_files") or "").endswith(".json"):
        return adapted(f"{epochs} epochs; how many steps that are follows from a list of tasks, see data.train_files")
    an_epoch = steps_per_epoch(reading)
    steps = epochs * an_epoch if most is None else min(epochs * an_epoch, reading.whole("trainer.max_steps"))
    note = (
        f"{epochs} epochs of {an_epoch} steps ({reading.tasks} tasks, {reading.get('data.rollout_batch_size')} a step)"
    )
    return adapted(note, limits__steps=steps)


def _most_steps(reading: Reading, key: str) -> Judgement:
    if reading.get(key) is None:
        return inert("empty; the epochs decide")
    steps = reading.whole(key)
    return mapped(limits__steps=steps) if reading.tasks is None else mapped("at most, beside the epochs")


def _title(reading: Reading, key: str) -> Judgement:
    name = str(reading.get(key) or "")
    if 0 < len(name) <= _LONGEST_NAME:
        return mapped("the run's title, and its name in trackers", title=name)
    return adapted(f"of 1 to {_LONGEST_NAME} characters here", title=name[:_LONGEST_NAME] or "Untitled run")


def _project(reading: Reading, key: str) -> Judgement:
    name = str(reading.get(key) or "")
    if 0 < len(name) <= _LONGEST_NAME:
        return mapped("the project in trackers; a part of paths there, too", records__project=name)
    return adapted(f"of 1 to {_LONGEST_NAME} characters here", records__project=name[:_LONGEST_NAME] or "arpo")


def _logger(reading: Reading, key: str) -> Judgement:
    value: Any = reading.get(key)
    names = [value] if isinstance(value, str) else value
    known = (*MIRRORS, *_NO_MIRROR)
    if not isinstance(names, list) or not all(name in known for name in names):
        raise Refusal(f"{value!r}: use a list of {', '.join(known)}")
    mirrors = [kind for kind in dict.fromkeys(names) if kind in MIRRORS]
    sets = {"records__mirrors": mirrors, **({"records__metric_names": "arpo"} if mirrors else {})}
    elsewhere = [_NO_MIRROR[name] for name in dict.fromkeys(names) if name in _NO_MIRROR]
    if elsewhere:
        return adapted("; ".join(elsewhere), **sets)
    return mapped("beside the run's own events, under the published names", **sets)


def _save_every(reading: Reading, key: str) -> Judgement:
    every = reading.whole(key, -1)
    if every > 0:
        return mapped(checkpoint__every_steps=every)
    return adapted("at the end only there; here every 10 steps too")


def _keep(reading: Reading, key: str) -> Judgement:
    limit = reading.whole(key, -1)
    if limit > 0:
        return mapped("beside the best one and the last one", checkpoint__keep=limit)
    return adapted("all of them there; here the newest 100, beside the best one and the last one", checkpoint__keep=100)


def _validation_every(reading: Reading, key: str) -> Judgement:
    every = reading.whole(key, -1)
    if every > 0:
        return mapped(validation__every_steps=every)
    if reading.get("trainer.val_only") is True:
        return adapted("never while training, and there is none", validation__every_steps=1)
    return adapted("off; there it still runs once at the very end", validation__every_steps=0)


def _only_validate(reading: Reading, key: str) -> Judgement:
    if reading.truth(key) and reading.get("trainer.val_before_train") is not True:
        raise Refusal(
            "the original looks at val_only only where val_before_train is on, and so would train; set "
            "trainer.val_before_train=true, or val_only=false"
        )
    return mapped(validation__only=reading.truth(key))


def _before(reading: Reading, key: str) -> Judgement:
    asked = reading.truth(key)
    if reading.whole("trainer.val_freq", -1) <= 0 and reading.get("trainer.val_only") is not True:
        return adapted("there once before the first step; here validation is off altogether (val_freq)")
    return mapped(validation__before_training=asked)


def _compared(reading: Reading, key: str) -> Judgement:
    count = reading.whole(key, -1)
    return mapped("of each split, the same ones at every measurement", validation__compare=max(0, count))


def _resumed(reading: Reading, key: str) -> Judgement:
    if reading.get(key) is None:
        return inert("empty; a run begins anew")
    raise Refusal(
        f"{reading.get(key)} is a checkpoint in the original's form, whose weights can be taken over, but not its "
        f"optimizer, task order and random states: `python -m arpo_engine import-checkpoint {reading.get(key)} --out "
        "DIR`, then leave this key out and set worker.actor.model.model_path=DIR"
    )


RULES: dict[str, Rule] = {
    "trainer.total_episodes": _epochs,
    "trainer.max_steps": _most_steps,
    "trainer.project_name": _project,
    "trainer.experiment_name": _title,
    "trainer.logger": _logger,
    "trainer.nnodes": counted("times trainer.n_gpus_per_node; which machine has which GPU is found out by Ray"),
    "trainer.n_gpus_per_node": ranks,
    "trainer.val_freq": _validation_every,
    "trainer.val_before_train": _before,
    "trainer.val_only": _only_validate,
    "trainer.val_generations_to_log": _compared,
    "trainer.save_freq": _save_every,
    "trainer.save_limit": _keep,
    "trainer.save_model_only": only(
        False, "a checkpoint can be resumed", "resuming needs the optimizer's state; use false"
    ),
    "trainer.save_checkpoint_path": done_by_itself("checkpoints lie in the run's folder; choose that with --run-dir"),
    "trainer.load_checkpoint_path": _resumed,
    "trainer.find_last_checkpoint": done_by_itself(
        "a run folder is always resumed from its newest checkpoint; --no-resume"
    ),
    "trainer.ray_timeline": only(None, "no such file", "no timeline of Ray is written; leave it out"),
}
