"""Speaks to a desktop server over HTTP: OSWorld's own, or ours, which does more. One thread, one connection.

What is asked for is read again when a connection breaks; what changes the desktop is sent again only to a server that
answers a request id once. Everything that is wrong with an answer has a name: no answer in time is a stuck desktop; no
connection, an inner error or an answer that cannot be read is a lost one.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from arpo_engine.contract.actions import SingleAction, TypeText
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.desktops.machines import Address, Machine
from arpo_engine.desktops.pyautogui_code import pyautogui_code
from arpo_engine.types import Pixels

TRIES = 3
REQUEST_ID = "X-Request-Id"
REFUSED_KEY = 422
LARGEST_SIDE = 16_384
WORDS_OF_ANSWER = 300
CHARACTERS_AT_ONCE = 500
"""Longer text is typed in pieces, so that a long text is not taken for a desktop that hangs."""


class ActionRefused(Exception):
    """The server did not carry an action out, and says why; the desktop is as it was, and fine."""


class DesktopClient:
    """One machine, spoken to."""

    def __init__(self, machine: Machine, timeout_s: float) -> None:
        self._machine = machine
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None

    @property
    def address(self) -> Address:
        """Where the machine answers."""
        return self._machine.address

    def look(self) -> Pixels:
        """The screen now, pointer included.

        Raises:
            DesktopLost: there is no picture, or something else instead.
        """
        if not self.address.typed:
            return self._picture(self._ask("GET", "/screenshot")[1])
        headers, body = self._ask("GET", "/screenshot?format=raw")
        width, height = headers.get("X-Width", ""), headers.get("X-Height", "")
        if not (width.isdigit() and height.isdigit() and len(body) == int(width) * int(height) * 3):
            raise self._lost(f"sent a screenshot of {len(body)} bytes as {width or '?'} x {height or '?'} pixels")
        return np.frombuffer(body, np.uint8).reshape(int(height), int(width), 3)

    def act(self, action: SingleAction, screen: tuple[int, int]) -> None:
        """Carry an action out, once.

        Args:
            action: What to do.
            screen: (width, height); OSWorld's own server is sent places on it only.

        Raises:
            ActionRefused: it was not done; the desktop is fine.
            DesktopLost: nobody knows whether it was done.
        """
        if isinstance(action, TypeText) and len(action.text) > CHARACTERS_AT_ONCE:
            for start in range(0, len(action.text), CHARACTERS_AT_ONCE):
                self.act(TypeText(text=action.text[start : start + CHARACTERS_AT_ONCE]), screen)
            return
        if self.address.typed:
            self._ask("POST", "/act", action.model_dump(mode="json"), may_refuse=True)
            return
        code = pyautogui_code(action, screen)
        if code is not None:
            done = self.post("/execute", {"command": ["python", "-c", code], "shell": False})
            if done.get("returncode") not in (0, None):
                raise ActionRefused(f"pyautogui failed: {str(done.get('error'))[-WORDS_OF_ANSWER:]}")

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A question with an object for an answer."""
        found = self._parsed(self._ask("POST", path, body)[1], path)
        if not isinstance(found, dict):
            raise self._lost(f"answered {path} with a JSON {type(found).__name__} instead of an object")
        return found

    def ready(self) -> None:
        """Whether the desktop acts and sees, as far as its server can tell.

        Raises:
            DesktopLost: it does not.
        """
        self._ask("GET", "/ready" if self.address.typed else "/screenshot")

    def has_room(self) -> None:
        """Whether applications can still write; OSWorld's own server cannot be asked.

        Raises:
            DesktopLost: its disk is full.
        """
        if self.address.typed:
            self._ask("GET", "/room")

    def close(self) -> None:
        """Let go of the connection; the machine is not ended."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may_refuse: bool = False
    ) -> tuple[http.client.HTTPMessage, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.address.token:
            headers["Authorization"] = f"Bearer {self.address.token}"
        if method == "POST" and self.address.typed:
            headers[REQUEST_ID] = uuid.uuid4().hex
        tries = TRIES if method == "GET" or self.address.typed else 1
        data = json.dumps(body).encode() if body is not None else None
        status, answered, content = self._exchange(method, path, data, headers, tries)
        if status == http.client.OK:
            return answered, content
        said = content[:WORDS_OF_ANSWER].decode("utf-8", "replace")
        with contextlib.suppress(ValueError, TypeError, KeyError):
            said = str(json.loads(content)["message"])[:WORDS_OF_ANSWER]
        if may_refuse and status in (http.client.BAD_REQUEST, REFUSED_KEY):
            raise ActionRefused(said)
        raise self._lost(f"answered {method} {path} with {status}: {said}")

    def _exchange(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str], tries: int
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send and read, on a new connection where the old one broke."""
        for left in reversed(range(tries)):
            fresh = self._connection is None
            if self._connection is None:
                self._connection = http.client.HTTPConnection(
                    self.address.host, self.address.server_port, timeout=self._timeout_s
                )
            try:
                self._connection.request(method, path, data, dict(headers))
                answer = self._connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except TimeoutError as error:
                self.close()
                raise DesktopStuck(
                    f"{self._machine.name} did not answer {method} {path} within {self._timeout_s:g} s"
                ) from error
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection may have been closed by the other end in between; that alone says nothing.
                if self._machine.gone() or (fresh and not left) or not left:
                    raise self._lost(f"broke off {method} {path}: {type(error).__name__}: {error}") from error
        raise AssertionError("the last try either answers or raises")

    def _picture(self, body: bytes) -> Pixels:
        try:
            with Image.open(io.BytesIO(body)) as image:
                if max(image.size) > LARGEST_SIDE:
                    raise self._lost(f"sent a screenshot of {image.size[0]} x {image.size[1]} pixels")
                return np.asarray(image.convert("RGB"))
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            start = base64.b16encode(body[:8]).decode()
            raise self._lost(f"sent {len(body)} bytes (0x{start}…) that are no picture") from error

    def _parsed(self, body: bytes, path: str) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._lost(f"answered {path} with {body[:60]!r}, which is not JSON") from error

    def _lost(self, what: str) -> DesktopLost:
        reason = self._machine.gone()
        return DesktopLost(f"{self._machine.name} {what}" + (f" ({reason})" if reason else ""))
