"""Turns DATABASE_URL into Django's setting. PostgreSQL only: there is no second database to keep working."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from webapp.env import EnvError

SCHEMES = ("postgres", "postgresql")
WAIT_FOR_POOL_S = 5.0
"""A request that finds no connection for so long is answered with an error instead of being kept waiting."""
GIVE_UP_CONNECTING_S = 2.0
"""How long one attempt to connect is repeated. The pool doubles its pauses: with its own five minutes, a database that
was away for one minute would seem to be away for another. An attempt that is given up begins anew with the next
request, which waits longer than this."""


def parse_database_url(url: str, *, pool: int = 0, max_age_s: int = 60) -> dict[str, Any]:
    """Django's DATABASES entry for postgresql://user:password@host:port/name?option=value.

    With `pool` the process shares so many connections; without, each of its threads keeps one for `max_age_s`. The web
    server needs a pool: it gives each request a thread of its own, and a connection made anew costs it and the database
    more than most pages do. Processes that fork must not have one.
    """
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
        "OPTIONS": dict(parse_qsl(parts.query)) | _pool(pool),
        "CONN_MAX_AGE": 0 if pool else max_age_s,
        "CONN_HEALTH_CHECKS": True,
    }


def _pool(size: int) -> dict[str, Any]:
    if not size:
        return {}
    waits = {"timeout": WAIT_FOR_POOL_S, "reconnect_timeout": GIVE_UP_CONNECTING_S}
    return {"pool": {"min_size": 1, "max_size": size} | waits}
