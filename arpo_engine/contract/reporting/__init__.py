"""How a trainer tells the world what it does: the spool, the frames and the reporter behind one sink.

`RunRecorder` is the whole of it for an engine; any trainer may use it. Only pydantic and the standard library are
needed, and Pillow where screenshots are stored.
"""

from arpo_engine.contract.reporting.recorder import RunRecorder
from arpo_engine.contract.reporting.sinks import EventSink, MemorySink, PassingSink, PixelArray
from arpo_engine.contract.reporting.spool import SPOOL_NAME, last_attempt, read_spool

__all__ = [
    "SPOOL_NAME",
    "EventSink",
    "MemorySink",
    "PassingSink",
    "PixelArray",
    "RunRecorder",
    "last_attempt",
    "read_spool",
]
