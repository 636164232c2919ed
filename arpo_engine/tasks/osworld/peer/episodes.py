"""`setup` and `evaluate` by OSWorld's own `DesktopEnv`, on a desktop that somebody else started.

Knows the attributes that `DesktopEnv` of desktop-env 1.0.2 sets; its constructor, which would start a virtual machine,
is not run.
"""

from __future__ import annotations

import importlib
import math
import traceback
from pathlib import Path
from typing import Any

from .wire import Wire

NULL_STATES = frozenset({"get_vlc_config"})
"""Getters of OSWorld that raise TypeError where nothing was done yet: VLC writes its settings when one is changed. The
published runners count that as zero, and so do we; every other exception is no score."""


class NoScore(Exception):
    """OSWorld's evaluator gave something that is no score."""


def setup(wire: Wire, call: dict[str, Any]) -> None:
    """Bring the desktop into the state in which the task begins.

    Raises:
        Unreachable: the desktop does not answer.
        NoAnswer: it did not answer a step, or not in words that can be read.
        Exception: whatever OSWorld's setup raised.
    """
    env = _environment(wire, call)
    wire.probe()
    env.setup_controller.setup(env.config, False)
    wire.require_answers()
    wire.probe()


def evaluate(wire: Wire, call: dict[str, Any]) -> float:
    """The score of the desktop as it stands, by OSWorld's own function, postconfig included.

    Raises:
        Unreachable: the desktop does not answer.
        NoAnswer: it did not answer at some point, so that a zero would say nothing.
        NoScore: what came back is no number from 0 to 1.
        Exception: whatever OSWorld's evaluation raised, but for the known null states.
    """
    env = _environment(wire, call)
    wire.probe()
    try:
        value = env.evaluate()
    except TypeError as error:
        if not _is_null_state(error, env.evaluator):
            raise
        value = 0.0
    if not value:
        wire.require_answers()
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise NoScore(f"the evaluator gave {value!r}, which is no score from 0 to 1")
    return float(value)


def _environment(wire: Wire, call: dict[str, Any]) -> Any:
    """`DesktopEnv` with a task and an address, as its own constructor and `reset` leave it."""
    address, task = call["address"], call["task"]
    wire.watch(host=address["host"], port=address["server_port"], headers=address["headers"], assets=call["asset_urls"])
    kind = importlib.import_module("desktop_env.desktop_env").DesktopEnv
    controllers = importlib.import_module("desktop_env.controllers.setup")
    env = object.__new__(kind)
    env.vm_ip = address["host"]
    for port in ("server_port", "chromium_port", "vnc_port", "vlc_port"):
        setattr(env, port, address[port])
    env.screen_width, env.screen_height = address["screen"]
    env.client_password = address["password"]
    env.os_type, env.enable_proxy, env.current_use_proxy = "Ubuntu", False, False
    env.is_environment_used = True
    env.action_history = [] if call.get("last_action") is None else [call["last_action"]]
    env.cache_dir_base = call["folder"]
    env.controller = controllers.PythonController(vm_ip=env.vm_ip, server_port=env.server_port)
    env.setup_controller = controllers.SetupController(
        vm_ip=env.vm_ip,
        server_port=env.server_port,
        chromium_port=env.chromium_port,
        vlc_port=env.vlc_port,
        cache_dir=env.cache_dir_base,
        client_password=env.client_password,
        screen_width=env.screen_width,
        screen_height=env.screen_height,
    )
    env._set_task_info(task)
    env.setup_controller.reset_cache_dir(env.cache_dir)
    Path(env.cache_dir).mkdir(parents=True, exist_ok=True)
    return env


def _is_null_state(error: TypeError, evaluator: dict[str, Any]) -> bool:
    """Whether the score is zero because a getter met what a fresh desktop lacks; a list joined by `or` might go on."""
    if isinstance(evaluator["func"], list) and evaluator.get("conj", "and") != "and":
        return False
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].name in NULL_STATES
