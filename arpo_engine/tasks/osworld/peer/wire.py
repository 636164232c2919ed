"""Looks at the HTTP calls that OSWorld's code makes: adds the desktop's token, and remembers what never arrived.

OSWorld's getters turn a desktop that does not answer into None, and None into a score of zero. Whoever asks here
afterwards can tell the two apart. Assets come from our cache alone: what is not there is named, not fetched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

PROBE_TIMEOUT_S = 10.0


class AssetNotPlaced(Exception):
    """A file that a task needs was not put into its folder before the task began."""


class Unreachable(Exception):
    """The desktop does not answer."""


class NoAnswer(Exception):
    """The desktop is there, and a call to it came to nothing."""


class Wire:
    """All calls of this process go through it, one task at a time."""

    def __init__(self) -> None:
        self._send = requests.Session.send
        self._desktop = ""
        self._headers: Mapping[str, str] = {}
        self._assets: frozenset[str] = frozenset()
        self.failures: dict[str, str] = {}
        """Calls to the desktop that got no answer, or none that can be read, since `watch`: which, and what happened.
        One that was repeated and answered is none."""

    def install(self) -> None:
        """From now on see every call."""
        wire, send = self, self._send

        def seen(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
            return wire._carry(send, session, request, options)

        requests.Session.send = seen  # type: ignore[method-assign,assignment]

    def watch(self, *, host: str, port: int, headers: Mapping[str, str], assets: Collection[str]) -> None:
        """Begin a task on a desktop."""
        self._desktop = f"{host}:{port}"
        self._headers = headers
        self._assets = frozenset(assets)
        self.failures = {}

    def probe(self) -> None:
        """Ask the desktop whether it is there.

        Raises:
            Unreachable: no answer, or none that a desktop gives.
        """
        try:
            answer = requests.get(f"http://{self._desktop}/platform", timeout=PROBE_TIMEOUT_S)
        except requests.RequestException as error:
            raise Unreachable(f"the desktop at {self._desktop} does not answer: {type(error).__name__}") from error
        if answer.status_code != requests.codes.ok:
            raise Unreachable(f"the desktop at {self._desktop} answers {answer.status_code} to GET /platform")

    def require_answers(self) -> None:
        """Say no where a call came to nothing: OSWorld's code logs that and goes on.

        Raises:
            Unreachable: the desktop does not answer at all.
            NoAnswer: it does now, and did not then.
        """
        if self.failures:
            self.probe()
            calls = "; ".join(f"{call}: {what}" for call, what in self.failures.items())
            raise NoAnswer(f"calls to the desktop came to nothing ({calls})")

    def is_there(self) -> bool:
        """Whether the desktop answers now."""
        try:
            self.probe()
        except Unreachable:
            return False
        return True

    def _carry(self, send: Any, session: requests.Session, request: requests.PreparedRequest, options: Any) -> Any:
        url = request.url or ""
        if url in self._assets:
            raise AssetNotPlaced(url)
        if urlsplit(url).netloc != self._desktop:
            return send(session, request, **options)
        request.headers.update(self._headers)
        call = f"{request.method} {urlsplit(url).path}"
        self.failures.pop(call, None)
        try:
            answer = send(session, request, **options)
        except (requests.ConnectionError, requests.Timeout) as error:
            self.failures[call] = type(error).__name__
            raise
        if call.endswith("/execute") and answer.status_code == requests.codes.ok and not _is_json(answer):
            self.failures[call] = "the answer is no JSON"
        return answer


def _is_json(answer: requests.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True
