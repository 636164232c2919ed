"""What the workers take from the environment: where the cluster and the console are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from django.conf import settings

from webapp.env import EnvError, envstr


def ray_address() -> str:
    """Where jobs are submitted (http://host:port); empty while there is no cluster."""
    return str(settings.RAY_ADDRESS).rstrip("/")


def ray_token() -> str:
    """The cluster's token; empty for one that asks for none."""
    return envstr("RAY_AUTH_TOKEN", settings.SERVICES.get("RAY_AUTH_TOKEN", ""))


def report_url() -> str:
    """The console's address as the engines see it."""
    return envstr("ARPO_REPORT_URL", settings.SERVICES.get("ARPO_REPORT_URL", ""))


def engine_dir() -> Path | None:
    """The checkout on the machines where runs run, the same path on all of them; None where the code is sent along.

    On the console's own machine that is its own checkout. Machines that join it, and a cluster that somebody else runs,
    need none.
    """
    named = envstr("ARPO_ENGINE_DIR", "")
    if named:
        return Path(named)
    head = envstr("RAY_HEAD_ADDRESS", settings.SERVICES.get("RAY_HEAD_ADDRESS", ""))
    return Path(settings.BASE_DIR) if head.startswith("127.") else None


def engine_resources() -> dict[str, float]:
    """What the process that learns reserves on the cluster, which decides its machine: {"GPU": 8}, {"gpu_host": 1}."""
    text = envstr("ARPO_ENGINE_RESOURCES", "{}")
    try:
        return {str(name): float(amount) for name, amount in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError):
        raise EnvError(f'ARPO_ENGINE_RESOURCES is {text!r}; give a JSON object such as {{"GPU": 8}}') from None


def engine_python() -> str:
    """The Python of the engine's environment on those machines."""
    return envstr("ARPO_ENGINE_PYTHON", sys.executable)
