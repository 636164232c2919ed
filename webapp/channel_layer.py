"""The bus between web servers, workers and pages: that of channels_redis, without the encryption it can do.

Nobody here turns the encryption on, and `cryptography` is 12 MB of every process that opens the bus; the engine's
packages bring it, so in an environment with both halves it would be loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

UNUSED = "cryptography.fernet"


@contextmanager
def _left_out(module: str) -> Iterator[None]:
    """Imports inside find no such module, as where it was never installed; one that is loaded already stays."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


with _left_out(UNUSED):
    from channels_redis.pubsub import RedisPubSubChannelLayer

__all__ = ["RedisPubSubChannelLayer"]
