"""Reads the environment loudly: a value that cannot be used names itself, what it holds and the cure.

Knows no Django, so that the supervisor reads the same variables by the same rules before Django is configured.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Final

BASE_DIR: Final = Path(__file__).resolve().parent.parent

TRUE_WORDS: Final = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS: Final = frozenset({"0", "false", "no", "off", ""})

NOTHING_RUNS: Final = "no-console-runs.start-it-with-arpo-up.or-set-the-url.invalid"
"""Host of a service that is neither configured nor running: the failed look-up then names the cure."""


class EnvError(ValueError):
    """A setting from the environment is missing or cannot be used."""


def load_dotenv(path: Path = BASE_DIR / ".env") -> None:
    """Take KEY=VALUE lines from `.env`; what the environment already says wins."""
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.partition("=")
        if not equals or not key.strip().isidentifier():
            raise EnvError(f"{path}:{number} is {line!r}; write KEY=VALUE, or start the line with #")
        os.environ.setdefault(key.strip(), value.strip().strip("\"'"))


def envstr(name: str, default: str | None = None) -> str:
    """A text; without a default it must be set."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise EnvError(f"{name} is not set; set it in the environment or in .env (see .env.example)")
    return default


def envbool(name: str, default: bool) -> bool:
    """A switch: 1/0, true/false, yes/no, on/off."""
    value = os.environ.get(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise EnvError(f"{name} is {value!r}; use 1 or 0 (or true/false, yes/no, on/off)")


def envint(name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """A whole number within its bounds."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    try:
        number = int(value)
    except ValueError:
        raise EnvError(f"{name} is {value!r}; use a whole number such as {default}") from None
    if minimum is not None and number < minimum:
        raise EnvError(f"{name} is {number}; use {minimum} or more")
    if maximum is not None and number > maximum:
        raise EnvError(f"{name} is {number}; use {maximum} or less")
    return number


def envlist(name: str, default: list[str]) -> list[str]:
    """Texts with commas between them."""
    value = os.environ.get(name, "").strip()
    return [part.strip() for part in value.split(",") if part.strip()] if value else list(default)


def envsecret(name: str, file: Path, *, length: int = 50) -> str:
    """A secret: from the environment, else from its file, which is made (0600) the first time."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    return secret_file(file, length=length)


def secret_file(file: Path, *, length: int = 50) -> str:
    """The secret in the file; generated once, readable by its owner only."""
    if file.is_file():
        kept = file.read_text(encoding="utf-8").strip()
        if kept:
            return kept
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = secrets.token_urlsafe(length)
    candidate = file.with_name(f"{file.name}.{os.getpid()}.new")
    candidate.touch(mode=0o600)
    candidate.write_text(fresh + "\n", encoding="utf-8")
    try:
        os.link(candidate, file)  # fails if another process was first, whose secret then counts
    except FileExistsError:
        fresh = file.read_text(encoding="utf-8").strip()
    finally:
        candidate.unlink()
    return fresh


def data_dir() -> Path:
    """Where everything lives that outlasts a start: database, frames, runs, logs, secrets."""
    return Path(envstr("ARPO_DATA_DIR", str(BASE_DIR / "data"))).expanduser().resolve()


def running_services(data: Path) -> dict[str, str]:
    """What a running console wrote about its services: DATABASE_URL, VALKEY_URL, RAY_ADDRESS, …; empty if none runs."""
    file = data / "run" / "services.json"
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EnvError(f"{file} cannot be read ({error}); run ./arpo down, then ./arpo up") from None
    return {str(key): str(value) for key, value in found.items()}


def service_url(name: str, services: dict[str, str], scheme: str) -> str:
    """The address of a service: what the environment says, else the running console's, else one that fails by name."""
    return os.environ.get(name, "").strip() or services.get(name) or f"{scheme}://{NOTHING_RUNS}/0"
