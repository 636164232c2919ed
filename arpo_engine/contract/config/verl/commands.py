"""The training command in a pasted text: which words are its settings, and what else stood there.

Knows how the trainer is started; knows no setting by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from arpo_engine.contract.config.verl.expansion import Word
from arpo_engine.contract.config.verl.shell import Command, read_script
from arpo_engine.contract.errors import ConfigError

_TRAINER = re.compile(r"(?:^|/)verl[./]trainer[./](main(?:_ppo)?)(?:\.py)?$")
_MENTIONED = re.compile(r"verl[./]trainer[./]main")
_SETTING = re.compile(r"\+{0,2}[A-Za-z_][\w.]*=")
_JOINED = ("blanks stand behind a backslash inside a line; it is read as a line that went on",)
_YAML_LINE = re.compile(r"---|\{|[\w\"'-]+\s*:(\s|$)")
_COMMAND_LINE = re.compile(
    r"^[ \t]*(?:(?:python3?|set|export|bash|sh|nohup|ray|torchrun|rm|cd|source|for|if|trap)\b|[A-Za-z_]\w*=|#!)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class TrainingCommand:
    """The words of a command line of `verl.trainer.main`, sorted."""

    settings: tuple[tuple[str, Word], ...]
    """(key, value) as they were written, in their order."""
    strays: tuple[str, ...]
    """Words of the command that are no settings."""
    others: tuple[str, ...]
    """Other commands of the script, each with its line; none of them is executed."""
    notes: tuple[str, ...]


def looks_like_a_command(text: str) -> bool:
    """Whether a text is a script or a command line, and not a YAML file."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    if _YAML_LINE.match(next(lines, "")):
        return False
    if _MENTIONED.search(text) or _COMMAND_LINE.search(text):
        return True
    words = text.split()
    return bool(words) and all(_SETTING.match(word) for word in words if word != "\\")


def read_command(text: str) -> TrainingCommand:
    """Find the one training command of a script, or read a row of bare `key=value` words.

    Raises:
        ConfigError: there is none, or there are several, or it is another program's.
    """
    script = read_script(text)
    found = [(command, place) for command in script.commands if (place := _trainer_at(command)) is not None]
    bare = not found and len(script.commands) == 1 and _SETTING.match(script.commands[0].words[0].text) is not None
    if bare:
        found = [(script.commands[0], -1)]
    if len(found) != 1:
        raise ConfigError(_not_one(script.commands, [command for command, _ in found]))
    command, place = found[0]
    if place >= 0 and "main_ppo" in command.words[place].text:
        raise ConfigError(
            f"line {command.line} starts verl.trainer.main_ppo, verl's own trainer, whose keys mean other things; "
            "paste a command of ARPO or EasyR1, which starts verl.trainer.main"
        )
    words = [_unglued(word) for word in command.words[place + 1 :] if word.text.strip() or word.problem]
    settings = [word for word in words if _SETTING.match(word.text)]
    return TrainingCommand(
        settings=tuple(_pair(word) for word in settings),
        strays=tuple(word.text or word.problem for word in words if word not in settings),
        others=tuple(f"line {other.line}: {other.text}" for other in script.commands if other is not command),
        notes=(*script.notes, *_JOINED[: any(word.text[:1].isspace() for word in command.words)]),
    )


def _unglued(word: Word) -> Word:
    """A command whose lines were joined has `\\ key=value` where a line went on; the blank is no part of the key."""
    return Word(word.text.lstrip(), word.problem)


def _pair(word: Word) -> tuple[str, Word]:
    key, _, value = word.text.partition("=")
    return key.lstrip("+"), Word(value, word.problem)


def _trainer_at(command: Command) -> int | None:
    """The place of the trainer's name among the words; only where a program is started, not where one is mentioned."""
    if command.words[0].text in ("echo", "printf"):
        return None
    return next((place for place, word in enumerate(command.words) if _TRAINER.search(word.text)), None)


def _not_one(commands: list[Command], found: list[Command]) -> str:
    if found:
        lines = ", ".join(str(command.line) for command in found)
        return f"there are {len(found)} training commands, in lines {lines}; paste one of them"
    seen = "; ".join(f"line {command.line}: {command.text}" for command in commands[:3]) or "nothing"
    return (
        f"there is no training command in it (found: {seen}; nothing of it was executed); paste a command that starts "
        "`python3 -m verl.trainer.main`, or its YAML file"
    )
