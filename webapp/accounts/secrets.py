"""Secrets that people and engines carry: made here, shown once, kept only as a hash."""

from __future__ import annotations

import base64
import hashlib
import secrets

from django.utils.crypto import salted_hmac

SECRET_BYTES = 32


def make_secret(prefix: str) -> str:
    """A secret with 256 random bits; the prefix tells a person (and a leak scanner) what it opens."""
    return f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def derived_secret(prefix: str, owner: str) -> str:
    """The same secret each time for the same owner, made with the console's SECRET_KEY: for what may be begun twice."""
    digest = salted_hmac(f"arpo.{prefix}", owner, algorithm="sha256").digest()
    return f"{prefix}_{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def digest_of(secret: str) -> str:
    """What is stored and looked up. No salt and no slow hash are needed: nobody can guess 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
