"""The bus is that of channels_redis, loaded without the encryption that nobody turns on."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
from webapp.channel_layer import RedisPubSubChannelLayer
assert "cryptography.hazmat.bindings._rust" not in sys.modules, "the bus brought the encryption"
print(RedisPubSubChannelLayer.__module__)
"""
AFTERWARDS = "import cryptography.fernet as theirs; assert theirs.Fernet"
BEFORE = "import cryptography.fernet, sys; import webapp.channel_layer; assert 'cryptography.fernet' in sys.modules"


def run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_the_bus_is_loaded_without_the_encryption() -> None:
    assert run(LOADED).startswith("channels_redis")


def test_who_needs_the_encryption_still_finds_it_before_and_after() -> None:
    run(LOADED + AFTERWARDS)
    run(BEFORE)
