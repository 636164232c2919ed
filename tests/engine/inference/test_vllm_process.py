"""An engine process outlives nobody: neither its trainer, nor are its own children left by it. vLLM is stood in for."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.engine.inference.vllm_stub import settings

ROOT = Path(__file__).resolve().parents[3]
STOOD_IN = """
import subprocess, sys, types
module = types.ModuleType("arpo_engine.inference.vllm")
def serve(connection, settings):
    worker = subprocess.Popen(["sleep", "600"])
    print(worker.pid, flush=True)
    {does}
module.serve = serve
sys.modules[module.__name__] = module
from arpo_engine.inference.vllm_process import main
main(int(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("does", "trainer_dies", "cleans"),
    [
        ("import time; time.sleep(600)", True, True),
        ("return True", False, True),
        ("return False", False, False),
        ("raise ValueError('no room')", False, False),
    ],
    ids=["its trainer dies while it loads", "its trainer leaves", "its core dies", "it cannot start"],
)
def test_it_ends_with_its_workers_when(tmp_path: Path, does: str, trainer_dies: bool, cleans: bool) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    here, there = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", STOOD_IN.format(does=does), str(there.fileno())],
        pass_fds=[there.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
    )
    there.close()
    connection = Connection(here.detach())
    connection.send(settings(scratch=str(scratch)))
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    if trainer_dies:
        connection.close()
    # Its output ends when the last of its group has let go of it.
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{worker}/cmdline").exists() or not Path(f"/proc/{worker}/cmdline").read_bytes()
    assert scratch.exists() is not cleans
    assert ("ValueError: no room" in errors.decode()) is ("no room" in does)
