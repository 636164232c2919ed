"""Runs programs in the desktop: to their end, in the background, or as Python. As the desktop's user, and only here.

OSWorld's client acts by `python -c "import pyautogui; …"`, which takes a second for the imports alone; such a command
is given to an interpreter that has them already (`warm.py`), and its answer is the same.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from .http_server import Refusal, Request, Response, as_json, as_text
from .warm import WarmPython
from .windows import window_list

EXECUTE_TIMEOUT_S = 120.0
PYTHONS = ("python", "python3", "/usr/bin/python3", "/usr/bin/python")
Command = str | list[str]


class Commands:
    """The endpoints that start programs."""

    def __init__(self, warm: WarmPython) -> None:
        self._warm = warm

    def execute(self, request: Request) -> Response:
        """POST /execute: run to the end; a return code that is not zero is an answer like any other."""
        asked = request.json()
        return as_json(self._run(*_command(asked), EXECUTE_TIMEOUT_S))

    def execute_with_verification(self, request: Request) -> Response:
        """POST /execute_with_verification: run, then wait until a window is there or a command succeeds."""
        asked = request.json()
        wanted = asked.get("verification") or {}
        began = time.monotonic()
        done = self._run(*_command(asked), EXECUTE_TIMEOUT_S)
        while not self._verified(wanted):
            if time.monotonic() - began > float(asked.get("max_wait_time", 10)):
                return as_json({**done, "status": "verification_failed"}, 500)
            time.sleep(float(asked.get("check_interval", 1)))
        return as_json({**done, "verification": "passed", "wait_time": time.monotonic() - began})

    def launch(self, request: Request) -> Response:
        """POST /setup/launch: start and do not wait."""
        command, shell = _command(request.json())
        try:
            subprocess.Popen(
                command,
                shell=shell,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd=Path.home(),
            )
        except OSError as error:
            raise Refusal(500, f"{command} cannot be started: {error}") from error
        return as_text(f"{command if shell else ' '.join(command)} launched successfully")

    def run_python(self, request: Request) -> Response:
        """POST /run_python: a script, 30 seconds."""
        code = request.json().get("code")
        if not isinstance(code, str):
            raise Refusal(400, "code is missing; give a Python script")
        done = self._run(["python3", "-c", code], False, 30.0)
        failed = done["returncode"] != 0
        return as_json(
            {
                "status": "error" if failed else "success",
                "message": done["output"] + done["error"],
                "need_more": False,
                "output": done["output"],
                "error": done["error"],
                "return_code": done["returncode"],
            }
        )

    def run_bash_script(self, request: Request) -> Response:
        """POST /run_bash_script: a script with a time limit and a folder of its own; errors stand in its output."""
        asked = request.json()
        script, folder = asked.get("script"), asked.get("working_dir")
        if not isinstance(script, str):
            raise Refusal(400, "script is missing; give a script for bash")
        if folder and not Path(folder).is_dir():
            raise Refusal(400, f"there is no folder {folder}")
        done = _to_its_end(["bash", "-c", f"exec 2>&1\n{script}"], False, float(asked.get("timeout", 100)), folder)
        status = "success" if done["returncode"] == 0 else "error"
        return as_json({"status": status, "output": done["output"], "error": "", "returncode": done["returncode"]})

    def _run(self, command: Command, shell: bool, timeout_s: float) -> dict[str, Any]:
        code = _pyautogui_code(command, shell)
        if code is not None:
            done = self._warm.run(code, timeout_s)
            if done is not None:
                return {"status": "success", **done}
        return _to_its_end(command, shell, timeout_s, None)

    def _verified(self, wanted: dict[str, Any]) -> bool:
        window, command = wanted.get("window_exists"), wanted.get("command_success")
        if window and not any(window.lower() in str(line).lower() for line in window_list()):
            return False
        return not command or _to_its_end(command, isinstance(command, str), 5.0, None)["returncode"] == 0


def _command(asked: dict[str, Any]) -> tuple[Command, bool]:
    command, shell = asked.get("command"), asked.get("shell") in (True, "true", "True")
    if not command or not isinstance(command, str | list):
        raise Refusal(400, f"command is {str(command)[:60]!r}; give a command line or a list of words")
    if shell:
        return (command if isinstance(command, str) else shlex.join(command)), True
    words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    return [str(Path(word).expanduser()) if word.startswith("~/") else word for word in words], False


def _pyautogui_code(command: Command, shell: bool) -> str | None:
    """The script of a command that drives mouse and keyboard by pyautogui; None for any other."""
    fits = not shell and len(command) == 3 and command[0] in PYTHONS and command[1] == "-c"
    return command[2] if fits and "pyautogui" in command[2] else None


def _to_its_end(command: Command, shell: bool, timeout_s: float, folder: str | None) -> dict[str, Any]:
    try:
        process = subprocess.Popen(
            command,
            shell=shell,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            cwd=folder or Path.home(),
        )
    except OSError as error:
        raise Refusal(500, str(error)) from error
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Refusal(500, f"the command was not over after {timeout_s:g} seconds and was ended") from error
    return {
        "status": "success",
        "output": output.decode("utf-8", "replace"),
        "error": errors.decode("utf-8", "replace"),
        "returncode": process.returncode,
    }
