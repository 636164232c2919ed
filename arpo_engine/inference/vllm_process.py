"""The first code of an engine process. Imports nothing heavy, because vLLM's own children import this file again."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from multiprocessing.connection import Connection

from arpo_engine.inference.vllm_wire import EngineSettings


def main(handle: int) -> None:
    """Serve the trainer at the other end of a socket until it closes it."""
    connection = Connection(handle)
    settings: EngineSettings = connection.recv()
    # Only here: in this process alone, and only once it knows what for.
    from arpo_engine.inference.vllm import serve

    try:
        if serve(connection, settings) and settings.scratch:
            # It died without a word, and what it left in shared memory is as large as the model.
            shutil.rmtree(settings.scratch, ignore_errors=True)
    finally:
        # vLLM's workers share this process's group and must not outlive it.
        os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
