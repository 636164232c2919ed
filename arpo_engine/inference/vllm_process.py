"""The first code of an engine process. Imports nothing heavy, because vLLM's own children import this file again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from arpo_engine.inference.vllm_wire import EngineSettings


def main(handle: int) -> None:
    """Serve the trainer at the other end of a socket until it closes it."""
    connection = Connection(handle)
    settings: EngineSettings = connection.recv()
    threading.Thread(target=_watch, args=(os.dup(handle), settings), name="watch", daemon=True).start()
    # Only here: in this process alone, and only once it knows what for.
    from arpo_engine.inference.vllm import serve

    scratch = ""
    try:
        if serve(connection, settings):
            scratch = settings.scratch
    # Whatever it was: the trainer shows the last lines of the log, and vLLM's workers must not outlive this process.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
    _end(scratch)


def _watch(handle: int, settings: EngineSettings) -> None:
    """While the model is being loaded nobody reads, and a trainer that dies then would leave an engine behind."""
    with socket.socket(fileno=handle) as peer:
        if not peer.recv(1, socket.MSG_PEEK):
            _end(settings.scratch)


def _end(scratch: str) -> None:
    """With all of vLLM's workers, which share this process's group. A trainer that died could not remove `scratch`,
    whose weights are as large as the model."""
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.stderr.flush()
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
