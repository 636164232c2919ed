"""The program of a learner's rank: gets its settings over a socket, loads its part of the policy, and answers.

Started as `python -m arpo_engine.runtime.rank_process FD`. When the run's process dies, however it dies, the socket
closes, and this process goes at once, even in the middle of a wait for its siblings.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import ArpoError
from arpo_engine.runtime.parcels import pack, unpack

if TYPE_CHECKING:
    from arpo_engine.trainer.rank import Rank
    from arpo_engine.trainer.rank_wire import Failed, RankSettings

READY = "ready"


def open_rank(settings: RankSettings) -> Rank:
    """Meet the siblings and load the policy.

    Raises:
        ArpoError: the model or the config cannot be used.
    """
    os.environ.update(settings.variables)
    import torch
    import torch.distributed as dist

    from arpo_engine.trainer.rank import Rank

    config = RunConfig.model_validate(settings.config)
    device = torch.device(settings.device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
        init_method=settings.meet_at,
        rank=settings.rank,
        world_size=settings.size,
        timeout=timedelta(seconds=config.learner.answer_timeout_s),
    )
    return Rank(config, device)


def unable(error: Exception) -> Failed:
    """A rank that cannot start says why; an error on purpose is passed on as it is."""
    from arpo_engine.trainer.rank_wire import Failed

    return Failed("error", f"{type(error).__name__}: {error}", error if isinstance(error, ArpoError) else None)


def main(arguments: list[str]) -> int:
    """Load, say so (or why not), and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(int(arguments[0]))
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, inbox), daemon=True).start()
    settings, folder = inbox.get()
    from arpo_engine.trainer.rank_wire import Done

    file = Path(folder) / f"answer-{settings.rank}"
    try:
        rank = open_rank(settings)
    # Whatever keeps a rank from starting is told to the person by the run's process.
    except Exception as error:  # noqa: BLE001
        connection.send(pack(unable(error), file))
        return 1
    connection.send(pack(Done(READY), file))
    while True:
        connection.send(pack(rank.answer(unpack(inbox.get())), file))


def _listen(connection: Connection, inbox: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
