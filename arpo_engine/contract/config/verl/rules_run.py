"""What the keys below `data.`, `env.` and `trainer.` become: tasks, lengths, desktops, how long, what is kept.

Sources: the published code's `ray_trainer.py`, `gui_agent.py` and `logger.py` (revision 7489ae3), and EasyR1's.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from arpo_engine.contract.config.verl.published import PLACEHOLDER_TASKS
from arpo_engine.contract.config.verl.verdicts import (
    Judgement,
    Reading,
    Refusal,
    Rule,
    adapted,
    done_by_itself,
    inert,
    mapped,
    never_read,
    only,
    whole_to,
)

_NO_DATASET = "a data set of questions has it; tasks of a desktop have none"
_MIRRORS = ("wandb", "tensorboard", "mlflow", "swanlab", "file")


def split_of(path: str) -> tuple[str, str]:
    """A task list's path as (folder, split).

    Raises:
        Refusal: it is a data set of a hub or a table, not a JSON list of tasks.
    """
    if "@" in path:
        raise Refusal(
            f"{path} is a data set with a split of a hub: questions and answers, no desktop. Train such a recipe with "
            "EasyR1; here give a list of OSWorld's tasks, such as evaluation_examples/test_all.json"
        )
    if not path.endswith(".json"):
        raise Refusal(
            f"{path or 'nothing'} is no JSON list of tasks; give one, such as evaluation_examples/test_all.json"
        )
    place = PurePosixPath(path.replace("\\", "/"))
    return str(place.parent), place.stem


def _is_placeholder(reading: Reading, key: str) -> bool:
    """The base config on its own, which every script gives a task list of its own."""
    return not reading.is_command and reading.get("env.num_envs") is not None and reading.get(key) in PLACEHOLDER_TASKS


def _train_files(reading: Reading, key: str) -> Judgement:
    if _is_placeholder(reading, key):
        return adapted("a placeholder of the base config, which scripts replace; the tasks stay this console's own")
    folder, split = split_of(str(reading.get(key) or ""))
    return adapted("a folder and a split of it", tasks__source=folder, tasks__train=split)


def _val_files(reading: Reading, key: str) -> Judgement:
    if _is_placeholder(reading, key):
        return adapted("a placeholder of the base config, which scripts replace; the tasks stay this console's own")
    path, train = str(reading.get(key) or ""), str(reading.get("data.train_files") or "")
    folder, split = split_of(path)
    if path == train:
        return adapted("measured on the practised tasks", tasks__held_out=None, validation__include_train=True)
    if folder != split_of(train)[0]:
        raise Refusal(f"{path} lies in another folder than {train}; put both lists into one folder")
    return adapted("a split of the same folder", tasks__held_out=split, validation__include_train=False)


def _prompt_length(reading: Reading, key: str) -> Judgement:
    length = reading.whole(key)
    note = "tokens of a trajectory; a longer one is cut at a turn together with its screenshots, not in mid-action"
    return adapted(note, algorithm__max_learnt_tokens=length)


def _pixels(reading: Reading, key: str) -> Judgement:
    return adapted(f"{reading.whole(key)} there; here the model folder's preprocessor_config.json says it")


def _shuffle(reading: Reading, key: str) -> Judgement:
    if not reading.truth(key):
        raise Refusal("tasks always come in an order that the seed decides; use true")
    return adapted("every task once an epoch, in an order that the seed decides (another order than there)")


def _desktops(reading: Reading, key: str) -> Judgement:
    count = reading.whole(key)
    needed = reading.whole("data.rollout_batch_size") * reading.whole("worker.rollout.n")
    if count == needed:
        return mapped(desktops__count=count)
    more = f"{needed} rollouts a step there need as many; here {count} desktops take them one after the other"
    return adapted(
        more if count < needed else f"{count} are more than the {needed} rollouts of a step", desktops__count=count
    )


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
    if not reading.is_command and _is_placeholder(reading, "data.train_files"):
        return adapted(f"{epochs} epochs; how many steps that are follows from the list that a script gives")
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
    name, project = reading.get("trainer.experiment_name"), reading.get("trainer.project_name")
    return adapted(f"the run's name ({project} is the project)", title=str(name)[:120] or "Untitled run")


def _logger(reading: Reading, key: str) -> Judgement:
    value: Any = reading.get(key)
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(name in ("console", *_MIRRORS) for name in names):
        raise Refusal(f"{value!r}: use a list of {', '.join(('console', *_MIRRORS))}")
    elsewhere = [name for name in names if name in _MIRRORS]
    away = f"; nothing is sent to {', '.join(elsewhere)}" if elsewhere else ""
    return adapted(f"every number goes to the run's own events and pages{away}")


def _every(path: str, never: int | None, words: str) -> Rule:
    """A frequency in steps; -1 and 0 mean never there."""

    def rule(reading: Reading, key: str) -> Judgement:
        every = reading.whole(key, -1)
        if every > 0:
            return Judgement(verdict=mapped().verdict, sets={path: every})
        return adapted(words, **({path.replace(".", "__"): never} if never is not None else {}))

    return rule


def _keep(reading: Reading, key: str) -> Judgement:
    limit = reading.whole(key, -1)
    if limit > 0:
        return mapped("beside the best one and the last one", checkpoint__keep=limit)
    return adapted("all of them there; here the newest 100, beside the best one and the last one", checkpoint__keep=100)


def _only_validate(reading: Reading, key: str) -> Judgement:
    if not reading.truth(key):
        return mapped()
    attempts = reading.get("worker.rollout.val_override_config.n") or 1
    return mapped("nothing is trained", kind="evaluate", evaluation__attempts=attempts)


def _before(reading: Reading, key: str) -> Judgement:
    asked = reading.truth(key)
    if reading.whole("trainer.val_freq", -1) <= 0:
        return adapted("there once before the first step; here validation is off altogether (val_freq)")
    if asked:
        return mapped("as here, where validation also runs before the first step")
    return adapted("validation always runs before the first step too, so that a curve has its beginning")


def _resumed(reading: Reading, key: str) -> Judgement:
    if reading.get(key) is None:
        return inert("empty; a run begins anew")
    raise Refusal(
        f"{reading.get(key)} is a checkpoint in the original's form, which is not read here; merge it into a model "
        "folder and name that as worker.actor.model.model_path"
    )


def _config_file(reading: Reading, key: str) -> Judgement:
    if reading.settings[key].origin == "base":
        return adapted("the file is not here; the values of the published base config stand in for it")
    return mapped("read, and its keys are in this table")


RULES: dict[str, Rule] = {
    "config": _config_file,
    "data.train_files": _train_files,
    "data.val_files": _val_files,
    **{
        f"data.{name}": never_read("read by a data set that is never made")
        for name in ("prompt_key", "answer_key", "image_key")
    },
    **{
        f"data.{name}": done_by_itself(_NO_DATASET)
        for name in (
            "video_key",
            "video_fps",
            "image_dir",
            "filter_overlong_prompts",
            "filter_overlong_prompts_workers",
        )
    },
    "data.override_chat_template": only(
        None, "the model's own template", "the model's own template is used; leave it out"
    ),
    "data.max_prompt_length": _prompt_length,
    "data.max_response_length": whole_to("generator.max_new_tokens"),
    "data.rollout_batch_size": whole_to("rollout.tasks_per_step"),
    "data.mini_rollout_batch_size": done_by_itself(
        "replies are sampled as desktops become ready; there is no such batch"
    ),
    "data.val_batch_size": never_read("validation there always takes as many tasks at once as there are environments"),
    "data.format_prompt": never_read("handed to a data set that does not use it; the prompt is fixed in the code"),
    "data.shuffle": _shuffle,
    "data.seed": whole_to("seed", 0),
    "data.max_pixels": _pixels,
    "data.min_pixels": _pixels,
    "env.num_envs": _desktops,
    "env.max_steps": whole_to("rollout.max_steps"),
    "env.screen_size": never_read("never read; 1920 x 1080 stands in the code"),
    "trainer.total_episodes": _epochs,
    "trainer.max_steps": _most_steps,
    "trainer.project_name": done_by_itself("a part of paths and of loggers there; the run's name is the experiment's"),
    "trainer.experiment_name": _title,
    "trainer.logger": _logger,
    "trainer.nnodes": done_by_itself(
        "the policy learns on one device here; the plan counts with the devices that are named"
    ),
    "trainer.n_gpus_per_node": done_by_itself(
        "the policy learns on one device here; the plan counts with the devices that are named"
    ),
    "trainer.val_freq": _every("validation.every_steps", 0, "off; there it still runs once at the very end"),
    "trainer.val_before_train": _before,
    "trainer.val_only": _only_validate,
    "trainer.val_generations_to_log": done_by_itself(
        "every measured episode is kept with its screenshots, not so many"
    ),
    "trainer.save_freq": _every("checkpoint.every_steps", None, "at the end only there; here every 10 steps too"),
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
