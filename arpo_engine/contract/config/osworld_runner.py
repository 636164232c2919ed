"""The command of OSWorld's `run_multienv_uitars.py`, and ARPO's `start_server.sh`, as settings of an evaluation.

Text in, settings and a verdict for each parameter out; nothing is executed and no file is opened. The parameters are
those of ARPO's README (section on evaluation) and of the script's own argument parser.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from arpo_engine.contract.config.osworld_server import SERVER, read_server
from arpo_engine.contract.errors import ConfigError

Verdict = Literal["mapped", "adapted", "inert", "refused"]

MOST_CHARACTERS = 100_000
RUNNER = re.compile(r"(?:^|/)run_multienv\w*\.py$")
FIRST_PORT, MOST_SERVERS = 9000, 8
"""`start_server.sh` starts eight servers from port 9000 on, and the runner spreads its desktops over eight ports."""
DEFAULTS = {"model": "ui-tars", "temperature": "0.6", "top_p": "0.9", "max_tokens": "1500", "max_steps": "15"}
"""The runner's own, where the command says nothing else."""
SWITCHES = ("headless",)
_OPERATORS = frozenset("();<>|&")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What became of one parameter."""

    name: str
    value: str
    verdict: Verdict
    told: str
    """The setting that it became, or the reason and the cure."""


@dataclass(slots=True)
class RunnerCommand:
    """A whole command as read."""

    settings: list[str] = field(default_factory=list)
    """`key=value` words for an evaluation."""
    parameters: list[Parameter] = field(default_factory=list)

    @property
    def refused(self) -> list[Parameter]:
        """What stands in the way."""
        return [parameter for parameter in self.parameters if parameter.verdict == "refused"]


def is_runner(text: str) -> bool:
    """Whether a pasted text is a command of the runner, or a script that starts its servers."""
    return bool(re.search(r"run_multienv\w*\.py\b", text) or (SERVER in text and "verl.trainer" not in text))


def read_runner(text: str) -> RunnerCommand:
    """Read a pasted command, or a script that holds one.

    Raises:
        ConfigError: there is no such command in it, or it cannot be read as shell words.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"the text has {len(text)} characters; paste the command alone ({MOST_CHARACTERS} at most)")
    served = read_server(text)
    said = {**DEFAULTS, **served, **_arguments(text, needed=not served)}
    command, usable = RunnerCommand(), dict(DEFAULTS)
    for name, value in said.items():
        read = READERS.get(name, _unknown)
        verdict, told, settings = read(value)
        if re.search(r"[$`]", value):
            verdict, told, settings = "refused", "is a shell variable or command; write its value", []
        if verdict != "refused":
            usable[name] = value
        command.settings += settings
        command.parameters.append(Parameter(name, value, verdict, told))
    command.settings += [f"generator={json.dumps(_generator(usable))}", *_window(usable)]
    command.settings += _desktops(usable)
    command.settings += ["kind=evaluate", "evaluation.attempts=1", "agent.prompt=full"]
    return command


def _arguments(text: str, *, needed: bool) -> dict[str, str]:
    words = next((words for words in _lines(text) if any(RUNNER.search(word) for word in words)), None)
    if words is None and not needed:
        return {}
    if words is None:
        raise ConfigError("there is no command of run_multienv_uitars.py in the text; paste it whole")
    start = next(place for place, word in enumerate(words) if RUNNER.search(word)) + 1
    found: dict[str, str] = {}
    name = ""
    for word in words[start:]:
        if set(word) <= _OPERATORS:
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            found[name] = value if equals else ""
            name = "" if equals or name in SWITCHES else name
        elif name:
            found[name], name = word, ""
        else:
            raise ConfigError(f"{word!r} in the command belongs to no parameter; write it as --name value")
    return found


def _lines(text: str) -> Iterator[list[str]]:
    """Logical lines as words; one with an open quote is passed over, unless it is the runner's."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            yield list(lexer)
        except ValueError as error:
            if "run_multienv" in line:
                raise ConfigError(f"the command cannot be read ({error}); close its quotes") from error


def _generator(said: dict[str, str]) -> dict[str, object]:
    first = int(said.get("server_port", FIRST_PORT))
    count = min(MOST_SERVERS, max(1, int(said.get("num_envs", "1"))))
    host = said.get("server_ip", "http://127.0.0.1").rstrip("/")
    return {
        "kind": "openai",
        "base_urls": [f"{host}:{first + number}/v1" for number in range(count)],
        "model": said["model"],
        "max_new_tokens": int(said["max_tokens"]),
    }


def _desktops(said: dict[str, str]) -> list[str]:
    """OSWorld's official machine, from the disk that the command names, or a virtual machine of VMware."""
    if "pocket" in PurePosixPath(said.get("test_all_meta_path", "")).parts:
        return []
    machine, wait = said.get("path_to_vm", ""), said.get("sleep_after_execution")
    settings = ["desktops.kind=osworld-docker"]
    if machine.endswith(".vmx"):
        settings = ["desktops.kind=vmware", f"desktops.machines={json.dumps([machine])}"]
    elif machine:
        settings.append(f"desktops.disk={json.dumps(machine)}")
    return [*settings, *([f"desktops.pause_s={wait}"] if wait is not None else [])]


def _window(said: dict[str, str]) -> list[str]:
    """The fewer of the agent's and the server's screenshots; an episode that has no more of them needs no window."""
    images = [int(said[name]) for name in ("max_trajectory_length", "limit_images") if name in said]
    longest = int(said.get("max_steps", max(images, default=0)))
    return [f"agent.history_images={min(images)}"] if images and min(images) < longest else []


Read = tuple[Verdict, str, list[str]]
_SET_TOGETHER = ("generator.", "agent.history_images", "desktops.pause_s")
"""Settings that follow from several parameters; see `_generator`, `_window` and `_desktops`."""


def _number(key: str, *more: str, kind: type = int) -> Callable[[str], Read]:
    """A number that becomes one setting, or several of the same value."""

    def read(value: str) -> Read:
        try:
            number = kind(value)
        except ValueError:
            return "refused", f"{value!r} is no number; write one", []
        settings = [f"{name}={number}" for name in (key, *more) if not name.startswith(_SET_TOGETHER)]
        return "mapped", ", ".join((key, *more)), settings

    return read


def _only(value: str, reason: str) -> Callable[[str], Read]:
    def read(given: str) -> Read:
        return ("mapped", reason, []) if given == value else ("refused", f"{reason}; use {value}, or leave it out", [])

    return read


def _fixed(verdict: Verdict, told: str, *settings: str) -> Callable[[str], Read]:
    return lambda value: (verdict, told, list(settings))


def _tasks(value: str) -> Read:
    path = PurePosixPath(value)
    source = [f"tasks.source={json.dumps(str(path.parent))}", f"tasks.train={json.dumps(path.stem)}"]
    return "mapped", "tasks.source and tasks.train", [*source, "tasks.held_out=null", "evaluation.split=train"]


def _domain(value: str) -> Read:
    if value == "all":
        return "mapped", "every task of the file", []
    return "mapped", "evaluation.select", [f"evaluation.select={json.dumps([value])}"]


def _trial(value: str) -> Read:
    if not value.isdecimal():
        return "adapted", "its results are told apart by the run folder; set seed for other noise", []
    return (
        "adapted",
        f"seed = {value}, so that each trial has noise of its own; one run may hold many",
        [f"seed={value}"],
    )


def _steps(value: str) -> Read:
    verdict, told, settings = _number("evaluation.max_steps", "rollout.max_steps")(value)
    return verdict, told, [*settings, f"agent.max_images={value}"] if settings else settings


def _unknown(value: str) -> Read:
    return "refused", "the runner's parameter is not known here; leave it out", []


READERS: dict[str, Callable[[str], Read]] = {
    "headless": _fixed("inert", "desktops here never have a window"),
    "path_to_vm": _fixed("mapped", "desktops.disk, or desktops.machines for a .vmx"),
    "observation_type": _only("screenshot", "agents here see screenshots"),
    "action_space": _only("pyautogui", "results are written in these words"),
    "screen_width": _fixed("inert", "the desktop says its own size"),
    "screen_height": _fixed("inert", "the desktop says its own size"),
    "sleep_after_execution": _number("desktops.pause_s", kind=float),
    "max_steps": _steps,
    "max_trajectory_length": _number("agent.history_images"),
    "test_config_base_dir": _fixed("adapted", "task files are looked for in examples/ beside --test_all_meta_path"),
    "model": _fixed("mapped", "generator.model"),
    "temperature": _number("evaluation.temperature", kind=float),
    "top_p": _number("evaluation.top_p", kind=float),
    "max_tokens": _number("generator.max_new_tokens"),
    "limit_images": _number("agent.history_images"),
    "domain": _domain,
    "test_all_meta_path": _tasks,
    "result_dir": _fixed(
        "adapted",
        "OSWorld's folders are written to results/osworld of the run folder",
        "evaluation.osworld_layout=true",
    ),
    "num_envs": _number("desktops.count"),
    "server_ip": _fixed("mapped", "generator.base_urls"),
    "server_port": _number("generator.base_urls"),
    "trial-id": _trial,
    "trial_id": _trial,
}
