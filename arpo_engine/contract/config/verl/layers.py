"""The settings of a run in the trainer's own words: command line over config file over defaults, one spelling each.

Knows keys and spellings; gives no verdicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from arpo_engine.contract.config.verl.commands import TrainingCommand, looks_like_a_command, read_command
from arpo_engine.contract.config.verl.expansion import Word
from arpo_engine.contract.config.verl.published import BASE_CONFIG, BASE_CONFIG_NAME, DEFAULTS, SPELLINGS, flat
from arpo_engine.contract.config.yaml_text import read_yaml
from arpo_engine.contract.errors import ConfigError

ReadFile = Callable[[str], str | None]
"""Gives the text of a file that the script names; None where it cannot be had."""
Origin = Literal["command", "file", "base", "default", "code"]
"""The command line, the config file, the published base config, a default, or the published code itself."""

_FLOAT = re.compile(r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
"""No two parts of it can take the same digit, so that a long row of digits is read once."""
_CONSTANTS: dict[str, Any] = {
    "null": None, "none": None, "~": None, "": None, "true": True, "false": False, "yes": True, "no": False,
}  # fmt: skip
MAX_KEYS = 1_000
"""Most different keys of a run; the published code has about 150."""
MAX_KEY = 200
"""Longest key (characters)."""
RAW = frozenset(("data.format_prompt", "trainer.experiment_name", "trainer.project_name"))
"""Texts that are taken as they are, whatever they look like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key with its value."""

    key: str
    """In the spelling of the published code."""
    written: str
    """In the spelling of whoever wrote it."""
    value: Any
    origin: Origin
    problem: str = ""
    """Why the value is not known, or contradicts another; such a key is refused."""


@dataclass(slots=True)
class Layers:
    """Everything that was written, and what it stands on."""

    settings: dict[str, Setting] = field(default_factory=dict)
    is_command: bool = False
    strays: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def read_layers(text: str, words: Iterable[str], read_file: ReadFile) -> Layers:
    """Settings of a script, a command line or a YAML file, with further `key=value` words over them.

    Raises:
        ConfigError: the text is neither a training command nor a mapping in YAML.
    """
    layers = Layers()
    for key, value in DEFAULTS.items():
        layers.settings[key] = Setting(key=key, written=key, value=value, origin="default")
    extra = [(key, Word(value)) for key, _, value in (word.partition("=") for word in words)]
    if looks_like_a_command(text):
        command = read_command(text)
        layers.is_command, layers.strays, layers.others = True, command.strays, command.others
        layers.notes += command.notes
        _put_config_file(layers, command, read_file)
        _put(layers, [(key, word) for key, word in command.settings if key != "config"], "command")
    else:
        _put_tree(layers, _mapping(text, "the text"), "file")
    _put(layers, extra, "command")
    return layers


def scalar(text: str, key: str = "") -> Any:
    """A word of a command line as a value: null, true, a number, a list in brackets, else the text itself."""
    if key in RAW:
        return text
    low = text.strip().lower()
    if low in _CONSTANTS:
        return _CONSTANTS[low]
    if re.fullmatch(r"[-+]?\d{1,18}", low):
        return int(low)
    if _FLOAT.fullmatch(low):
        return float(low.replace("_", ""))
    if low[:1] in "[{":
        return read_yaml(text, key or "the value")
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _put_config_file(layers: Layers, command: TrainingCommand, read_file: ReadFile) -> None:
    """The file behind `config=`: as it is where it can be read, the published one where only its name is known."""
    named = [word for key, word in command.settings if key == "config"]
    if not named:
        return
    path, problem = named[-1].text, named[-1].problem
    text = None if problem else read_file(path)
    origin: Origin = "file"
    if text is not None:
        _put_tree(layers, _mapping(text, path), "file")
    elif path.replace("\\", "/").endswith(BASE_CONFIG_NAME) and not problem:
        origin = "base"
        for key, value in BASE_CONFIG.items():
            layers.settings[key] = Setting(key=key, written=key, value=value, origin="base")
    else:
        problem = problem or f"the file {path} is not here; give it too, or run from the folder that it is in"
    layers.settings["config"] = Setting(key="config", written="config", value=path, origin=origin, problem=problem)


def _mapping(text: str, name: str) -> dict[str, Any]:
    tree = read_yaml(text, name)
    if not isinstance(tree, dict) or not tree:
        raise ConfigError(
            f"{name} holds no settings; give a command that starts `python3 -m verl.trainer.main`, or YAML with data:, "
            "worker:, algorithm:, trainer: and env:"
        )
    return tree


def _put_tree(layers: Layers, tree: Mapping[str, Any], origin: Origin) -> None:
    pairs = flat({str(name): value for name, value in tree.items()})
    _put_pairs(layers, [(key, _number(value, key), "") for key, value in pairs.items()], origin)


def _put(layers: Layers, words: Iterable[tuple[str, Word]], origin: Origin) -> None:
    pairs: list[tuple[str, Any, str]] = []
    for key, word in words:
        value = scalar(word.text, key) if not word.problem else word.text
        inner = flat({key: value}) if isinstance(value, dict) else {key: value}
        pairs += [(name, part, word.problem) for name, part in inner.items()]
    _put_pairs(layers, pairs, origin)


def _put_pairs(layers: Layers, pairs: Iterable[tuple[str, Any, str]], origin: Origin) -> None:
    """One layer over the ones before. Within it the last word counts, unless two spellings of a key contradict."""
    mine: dict[str, Setting] = {}
    for written, value, problem in pairs:
        key = SPELLINGS.get(written, written)
        before = mine.get(key)
        if before is not None and before.value != value:
            if before.written != written:
                problem = f"{before.written} is {before.value} and {written} is {value}, two names of one key; keep one"
            else:
                layers.notes.append(
                    f"{written} is given twice, {before.value} and {value}; the last one counts, as there"
                )
        mine[key] = Setting(key=key, written=written, value=value, origin=origin, problem=problem)
    layers.settings.update(mine)
    longest = max((len(key) for key in mine), default=0)
    if len(layers.settings) > MAX_KEYS or longest > MAX_KEY:
        raise ConfigError(
            f"there are {len(layers.settings)} keys, the longest of {longest} characters; a run of the published code "
            "has about 150: give only its settings"
        )


def _number(value: Any, key: str) -> Any:
    """YAML takes 1e-6 for a text; whoever wrote it meant the number."""
    return scalar(value, key) if isinstance(value, str) and _FLOAT.fullmatch(value.strip()) else value
