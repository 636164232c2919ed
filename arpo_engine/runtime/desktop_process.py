"""The program of a desktop process: reads requests from a socket, answers them one by one, ends when the socket does.

Started as `python -m arpo_engine.runtime.desktop_process FD COUNT CONFIG`. Must not import torch: it is small and
starts quickly. When the engine dies, however it dies, the socket closes and this process goes too.
"""

from __future__ import annotations

import logging
import signal
import sys
from multiprocessing.connection import Connection

from arpo_engine.contract.errors import ArpoError, DesktopLost, EvaluatorError, SetupFailed
from arpo_engine.desktops.host import Answer, DesktopRow, Request, Reset, Score, carry_out
from arpo_engine.runtime.rows import build_row, from_word

log = logging.getLogger(__name__)

READY = "ready"


def answer(row: DesktopRow, index: int, request: Request) -> Answer | ArpoError:
    """Carry a request out; an error on purpose travels as itself, any other as the fault that its request can have."""
    try:
        return carry_out(row, index, request)
    except ArpoError as error:
        return error
    # A mistake in a provider must not end the other desktops of this process; it becomes a fault of its episode.
    except Exception as error:
        log.exception("desktop program failed", extra={"desktop": index, "request": type(request).__name__})
        text = f"desktop {index} failed on {type(request).__name__.lower()}: {type(error).__name__}: {error}"
        match request:
            case Reset():
                return SetupFailed(text)
            case Score():
                return EvaluatorError(text)
            case _:
                return DesktopLost(text)


def serve(connection: Connection, row: DesktopRow) -> None:
    """Answer until the other end is gone."""
    try:
        while True:
            number, index, request = connection.recv()
            connection.send((number, answer(row, index, request)))
    except (EOFError, ConnectionError):
        log.info("the engine has gone; desktops end")


def main(arguments: list[str]) -> int:
    """Build the desktops, say that they are ready (or why not), and serve."""
    descriptor, count, config = int(arguments[0]), int(arguments[1]), from_word(arguments[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    try:
        row = build_row(config, count)
    except (ArpoError, ImportError, OSError) as error:
        connection.send(str(error))
        return 1
    connection.send(READY)
    serve(connection, row)
    row.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
