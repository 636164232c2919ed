"""Secrets that people and engines carry: made here, shown once, kept only as a hash."""

from __future__ import annotations

import hashlib
import secrets

SECRET_BYTES = 32


def make_secret(prefix: str) -> str:
    """A secret with 256 random bits; the prefix tells a person (and a leak scanner) what it opens."""
    return f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def digest_of(secret: str) -> str:
    """What is stored and looked up. No salt and no slow hash are needed: nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
