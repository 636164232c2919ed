"""Secrets of a run by reference: a config names environment variables, never their values. Knows no HTTP.

Where a console starts a run on another machine, the engine asks the console for the values, with its attempt's token;
until then only their names have travelled (`PROMISED`). Whatever the engine then writes down is free of them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

from arpo_engine.contract.base import Wire
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig
from arpo_engine.contract.config.run import RunConfig

PROMISED: Final = "ARPO_PROMISED_SECRETS"
"""Names of the variables that the console will give when it is asked, with commas between them."""
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
TRACKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "wandb": ("WANDB_API_KEY", "WANDB_BASE_URL"),
    "mlflow": ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
}
"""By tracker: the variables that its package reads."""
HUB_TOKEN: Final = "HF_TOKEN"
USUAL_SECRETS: Final = (*PROXIES, HUB_TOKEN, "OPENAI_API_KEY", *(name for names in TRACKERS.values() for name in names))
"""What a console gives unless it is told otherwise."""
SHORTEST: Final = 8
"""Fewer characters are no secret, and may be part of any word."""
_SECRET_NAMES: Final = re.compile(r"TOKEN$|API_KEY$|PASSWORD$|SECRET(_KEY)?$")


class SecretsAnswer(Wire):
    """What the console gives to an attempt."""

    values: dict[str, str]


def named_by(config: RunConfig) -> tuple[str, ...]:
    """The variables that a run may read secrets from: what its config refers to, and the proxy on the way to them."""
    names = [*PROXIES, HUB_TOKEN]
    if config.checkpoint.push_to is not None:
        names.append(config.checkpoint.push_token_env)
    if isinstance(config.generator, OpenAiGeneratorConfig):
        names.append(config.generator.api_key_env)
    for mirror in config.records.mirrors:
        names += TRACKERS.get(mirror, ())
    return tuple(dict.fromkeys(names))


def promised(environment: Mapping[str, str]) -> frozenset[str]:
    """Names of the secrets that the console will give."""
    return frozenset(name for name in environment.get(PROMISED, "").split(",") if name)


def redactor(environment: Mapping[str, str]) -> Callable[[str], str]:
    """What takes every secret of an environment out of a text and puts its variable's name there."""
    found = {}
    for name, value in _secrets(environment):
        if len(value) >= SHORTEST:
            # In a line of JSON some characters are written otherwise.
            found[value] = found[json.dumps(value)[1:-1]] = f"<{name}>"
    if not found:
        return lambda text: text
    longest_first = sorted(found, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(value) for value in longest_first))
    return lambda text: pattern.sub(lambda match: found[match[0]], text)


class RedactedStream:
    """A text stream without secrets; everything but writing is the stream's own."""

    def __init__(self, stream: IO[str], redact: Callable[[str], str]) -> None:
        self._stream = stream
        self._redact = redact

    def write(self, text: str) -> int:
        """Write a text as it may be seen."""
        self._stream.write(self._redact(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redact_output(environment: Mapping[str, str]) -> None:
    """From now on what this process prints, tracebacks too, is free of the secrets of an environment."""
    redact = redactor(environment)
    sys.stdout = RedactedStream(sys.stdout, redact)
    sys.stderr = RedactedStream(sys.stderr, redact)


def withheld(environment: Mapping[str, str], allowed: Iterable[str]) -> frozenset[str]:
    """Names of the secrets of an environment that runs may not have, because nobody listed them."""
    listed = {name.upper() for name in allowed}
    return frozenset(name for name, value in _secrets(environment) if value and name.upper() not in listed)


def _secrets(environment: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in environment.items():
        if _SECRET_NAMES.search(name):
            yield name, value
        elif "//" in value and "@" in value:
            # An address with a password in it, of a proxy or of a tracker's server.
            yield name, unquote(_password_of(value))
            yield name, _password_of(value)


def _password_of(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
