"""`./arpo join`: this machine becomes a node of a console's cluster, until Ctrl-C.

The console is asked first, with a join token: it refuses what would break later, such as another Ray, and tells where
the head is. Ray's own `ray start` then does the work, in the foreground.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import FrameType
from typing import Any, Final
from urllib.parse import urlsplit

from webapp.env import BASE_DIR
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.ports import require_own_address
from webapp.supervisor.process import Process, Program
from webapp.supervisor.terminal import Terminal

TOKEN: Final = "ARPO_JOIN_TOKEN"
ASK_TIMEOUT_S: Final = 30.0
UP_WITHIN_S: Final = 180.0
POLL_S: Final = 0.2
LEAVING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NODE_PYTHON: Final = "ARPO_NODE_PYTHON"
"""The Python of a node, for the jobs that run on it: its environment may lie elsewhere than the console's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinOptions:
    """The command line of `./arpo join`."""

    console: str
    token: str
    data: Path
    desktops: int = 0
    gpus: int | None = None
    node_ip: str | None = None


def token_from_environment() -> str:
    """The join token.

    Raises:
        SupervisorError: there is none.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise SupervisorError(
            f"{TOKEN} is not set; an administrator of the console makes a token on its page Machines, with the command "
            "to copy"
        )
    return token


def join(options: JoinOptions, terminal: Terminal) -> int:
    """Join and stay; returns the exit code.

    Raises:
        SupervisorError: the machine may not or cannot join, with what to do.
    """
    from arpo_engine.contract.joining import JoinAnswer, JoinRequest, misfits

    asked = JoinRequest(python=platform.python_version(), ray=_ray_version(), host=socket.gethostname())
    gpus = _gpus(options.gpus)
    told = _ask(options, asked.model_dump_json())
    try:
        answer = JoinAnswer.model_validate(told)
    except ValueError as error:
        raise SupervisorError(
            f"{options.console} gave no answer that ./arpo join knows ({error}); update it"
        ) from error
    reasons = misfits(console=answer, machine=asked)
    if reasons:
        raise SupervisorError("; ".join(reasons))
    node_ip = options.node_ip or _address_towards(answer.head)
    require_own_address(node_ip)
    program = node_program(answer.head, answer.ray_token, node_ip=node_ip, desktops=options.desktops, gpus=gpus)
    return _stay(program, RotatingLog(options.data / "logs" / "node.log"), terminal, f"{answer.head} as {node_ip}")


def node_program(head: str, ray_token: str, *, node_ip: str, desktops: int, gpus: int) -> Program:
    """Ray's own command, with ARPO's resource for desktops, and `gpu_host`, by which jobs find machines with GPUs."""
    from webapp.supervisor.rayhead import PATIENCE

    words = [f"--address={head}", f"--node-ip-address={node_ip}", f"--num-gpus={gpus}", "--block"]
    resources = {f"docker:{node_ip}": desktops, "desktop": desktops} if desktops else {}
    resources |= {"gpu_host": 1} if gpus else {}
    if resources:
        words.append(f"--resources={json.dumps(resources)}")
    bin_dir = Path(sys.executable).parent
    settings = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": ray_token,
        NODE_PYTHON: sys.executable,
        "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    # Neither the join token nor another cluster's address is anything for the node's own processes.
    inherited = {key: value for key, value in os.environ.items() if key not in ("RAY_ADDRESS", TOKEN)}
    return Program(
        name="node",
        argv=(str(bin_dir / "ray"), "start", *words),
        env=inherited | PATIENCE | settings,
        cwd=BASE_DIR,
        stop_within_s=20.0,
    )


def _stay(program: Program, log: RotatingLog, terminal: Terminal, where: str) -> int:
    for number in LEAVING:
        signal.signal(number, _leave)
    process = Process(program, log)
    try:
        with terminal.step(f"Joining {where}"):
            process.wait_ready(lambda: any("Ray runtime started" in line for line in log.tail()), UP_WITHIN_S)
        terminal.say(f"  This machine works for the cluster. Ctrl-C leaves. Log: {log.path}")
        while process.returncode() is None:
            time.sleep(POLL_S)
        raise SupervisorError(
            f"the node ended: {process.last_words(lines=3)}; is the console still up? Log: {log.path}"
        )
    except KeyboardInterrupt:
        return 0
    finally:
        for number in LEAVING:
            signal.signal(number, signal.SIG_IGN)  # whoever presses Ctrl-C twice leaves nothing behind either
        process.stop()
        log.close()
        terminal.say("  This machine has left the cluster; nothing was left running.")


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ask(options: JoinOptions, body: str) -> Any:
    parts = urlsplit(options.console)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SupervisorError(f"{options.console!r} is no address of a console; give one such as http://10.0.0.1:8000")
    request = urllib.request.Request(
        f"{options.console.rstrip('/')}/api/v1/join",
        data=body.encode(),
        headers={"Authorization": f"Bearer {options.token}", "Content-Type": "application/json"},
        method="POST",
    )
    try:
        # A node and its console reach each other directly, and no proxy needs to read the cluster's token.
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=ASK_TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SupervisorError(f"{options.console} says: {_detail(error)}") from error
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SupervisorError(
            f"no console answers at {options.console} ({reason}); is it up, and does it listen for other machines "
            "(./arpo up --node-ip ADDRESS)?"
        ) from error


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _gpus(wanted: int | None) -> int:
    """GPUs to lend: those that are there, or fewer."""
    found = _found_gpus()
    if wanted is not None and wanted > found:
        raise SupervisorError(
            f"--gpus is {wanted}, and nvidia-smi names {found} on this machine; use {found} or fewer, or look at the "
            "driver (./arpo setup gpu checks it)"
        )
    return found if wanted is None else wanted


def _found_gpus() -> int:
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    done = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0


def _ray_version() -> str:
    try:
        return metadata.version("ray")
    except metadata.PackageNotFoundError:
        raise SupervisorError("Ray is not installed here; run ./arpo setup first") from None


def _address_towards(head: str) -> str:
    """This machine's own address on the way to the head; nothing is sent."""
    host, _, port = head.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, int(port)))
            return str(probe.getsockname()[0])
        except (OSError, ValueError) as error:
            raise SupervisorError(
                f"no way leads from here to the Ray head at {head} ({error}); check the network, or name this "
                "machine's own address with --node-ip"
            ) from error
