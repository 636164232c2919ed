"""What the keys below `data.` and `env.` become: tasks, their lists, lengths, screenshots, desktops.

Sources: the published code's `ray_trainer.py`, `gui_agent.py` and `osworld.py` (revision 7489ae3), and EasyR1's.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from arpo_engine.contract.config.verl.implied import SEEN_PIXELS
from arpo_engine.contract.config.verl.published import BASE_CONFIG, PLACEHOLDER_TASKS
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

LEAST_PIXELS = 28 * 28
"""One token of a screenshot; fewer are none."""
_NO_DATASET = "a data set of questions has it; tasks of a desktop have none"


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


def is_placeholder(reading: Reading, key: str) -> bool:
    """ARPO's base config on its own, which every script gives a task list of its own; EasyR1's has no desktops."""
    with_desktops = reading.settings["env.num_envs"].origin != "default"
    return not reading.is_command and with_desktops and reading.get(key) in PLACEHOLDER_TASKS


def _train_files(reading: Reading, key: str) -> Judgement:
    if is_placeholder(reading, key):
        return adapted("a placeholder of the base config, which scripts replace; the tasks stay this console's own")
    folder, split = split_of(str(reading.get(key) or ""))
    return adapted("a folder and a split of it", tasks__source=folder, tasks__train=split)


def _val_files(reading: Reading, key: str) -> Judgement:
    if is_placeholder(reading, key):
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


def _most_pixels(reading: Reading, key: str) -> Judgement:
    """Somebody's own number is what they want; the base config's, which no run of ARPO ever had, is not."""
    most, of_the_code = reading.whole(key, LEAST_PIXELS), f"{SEEN_PIXELS} stands in the code"
    if most == SEEN_PIXELS:
        return mapped("never read there, and the number that stands in the code", model__max_pixels=most)
    if reading.settings[key].origin in ("base", "default") or most == BASE_CONFIG[key]:
        return inert(f"never read: {of_the_code}, and holds here")
    note = f"larger screenshots are shown with at most {most} pixels here; never read there, where {of_the_code}"
    return adapted(note, model__max_pixels=most)


def _least_pixels(reading: Reading, key: str) -> Judgement:
    reading.whole(key)
    return inert("never read: 3136 stands in the code, and no desktop's screen is smaller")


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
    "data.max_pixels": _most_pixels,
    "data.min_pixels": _least_pixels,
    "env.num_envs": _desktops,
    "env.max_steps": whole_to("rollout.max_steps"),
    "env.screen_size": never_read("never read; 1920 x 1080 stands in the code"),
}
