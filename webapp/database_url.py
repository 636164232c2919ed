"""Turns DATABASE_URL into Django's setting. PostgreSQL only: there is no second database to keep working."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from webapp.env import EnvError

SCHEMES = ("postgres", "postgresql")


def parse_database_url(url: str) -> dict[str, Any]:
    """Django's DATABASES entry for postgresql://user:password@host:port/name?option=value."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise EnvError(
            f"DATABASE_URL starts with {parts.scheme or 'nothing'!r}; only PostgreSQL works: "
            "postgresql://user:password@host:5432/name"
        )
    try:
        port = parts.port or 5432
    except ValueError:
        raise EnvError("DATABASE_URL has a port that is no number from 1 to 65535") from None
    name = unquote(parts.path.lstrip("/"))
    if not name:
        raise EnvError("DATABASE_URL names no database; end it with /name, for example …:5432/arpo")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(port),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
