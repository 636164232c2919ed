"""What `--tasks` may be, as settings: a place of tasks, a split, or words that ids and domains are like."""

from __future__ import annotations

import json
from pathlib import Path

from arpo_engine.contract.errors import TaskError

SPLITS = ("train", "held_out", "both")


def task_settings(text: str) -> list[str]:
    """`--tasks` as `key=value` words. A comma stands between several words; at most one of them is a place.

    Raises:
        TaskError: a path that is not there, two places, or nothing at all.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    places = [word for word in words if _is_place(word)]
    splits = [word for word in words if word in SPLITS]
    likes = [word for word in words if word not in places and word not in splits]
    if not words or len(places) > 1 or len(splits) > 1:
        raise TaskError(
            f"--tasks is {text!r}; give one file or folder of tasks, one of {', '.join(SPLITS)}, or ids and domains "
            "such as 'chrome,vlc' or 'pocket-send-mail*', with commas between them"
        )
    settings = [setting for place in places for setting in _of_place(Path(place))]
    settings += [f"evaluation.split={split}" for split in splits]
    if likes:
        settings.append(f"evaluation.select={json.dumps(likes)}")
    return settings


def _is_place(word: str) -> bool:
    return "/" in word or word.endswith(".json") or Path(word).is_dir()


def _of_place(place: Path) -> list[str]:
    if place.is_dir():
        return [f"tasks.source={json.dumps(str(place))}"]
    if not place.is_file():
        raise TaskError(
            f"--tasks names {place}, and there is no such file or folder; give a <split>.json or its folder"
        )
    return [
        f"tasks.source={json.dumps(str(place.parent))}",
        f"tasks.train={json.dumps(place.stem)}",
        "tasks.held_out=null",
        "evaluation.split=train",
    ]
