"""Messages to a webhook outside: only to addresses that the whole internet may see, and never for long.

A URL comes from a person of one team, and the console stands in the middle of everybody's machines: without this, a
webhook would be a way to talk to them (server-side request forgery). The name is looked up once, the answer is judged,
and the connection goes to just that address, so that a second lookup cannot bring another.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from webapp.env import envlist

DEADLINE_S: Final = 5.0
MOST_READ: Final = 2048
OPEN_HOSTS: Final = "ARPO_WEBHOOK_HOSTS"
"""Hosts of the console's own network that webhooks may reach, http among them; set by whoever runs the console."""

GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
"""Networks of IPv6 alone reach those of IPv4 through it (RFC 6052)."""


class Unreachable(Exception):
    """A message could not be handed over; the text says why."""


def check_url(url: str) -> None:
    """Raise Unreachable, with the cure, for a URL to which nothing will ever be sent."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Unreachable(f"{url[:60]!r} is no web address; its host cannot be read") from None
    host = parts.hostname or ""
    open_host = host in envlist(OPEN_HOSTS, [])
    if parts.scheme not in ("https", "http") or not host:
        raise Unreachable(f"{url[:60]!r} is no web address; it begins with https://")
    if not url.isascii() or not url.isprintable() or " " in url:
        # Neither is sent over HTTP; and what refuses it later would quote it, with the secret in it.
        raise Unreachable(
            f"the address of {host[:60]!r} holds a blank or a letter that is none of ASCII; encode it (%20)"
        )
    if parts.scheme == "http" and not open_host:
        raise Unreachable(
            f"{host} is asked for over http, where anybody on the way reads along; use https, or name the host in "
            f"{OPEN_HOSTS}"
        )
    if parts.username or parts.password:
        raise Unreachable("the address holds a user or a password; put the secret into its path or query instead")
    try:
        port = parts.port
    except ValueError:
        raise Unreachable(f"the port of {host} is no number from 1 to 65535") from None
    if port not in (None, 443) and not open_host:
        raise Unreachable(f"port {port} of {host} is not one of the web's; use 443, or name the host in {OPEN_HOSTS}")


def post_json(url: str, message: dict[str, Any]) -> str:
    """Send a message; the answer in words.

    Raises:
        Unreachable: the address is none that is spoken to, nobody answered in five seconds, or it was refused.
    """
    check_url(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    until = time.monotonic() + DEADLINE_S
    address = _address_of(host)
    connection = _Pinned(host, parts.port, address, secure=parts.scheme == "https")
    path = parts.path or "/"
    # A wait has a bound of its own each time a byte arrives; whoever sends them one by one is cut off by the clock.
    ending = threading.Timer(DEADLINE_S, connection.cut_off)
    ending.daemon = True
    ending.start()
    try:
        headers = {"Content-Type": "application/json", "User-Agent": "arpo-console"}
        connection.request("POST", f"{path}?{parts.query}" if parts.query else path, json.dumps(message), headers)
        connection.leave_time(until)
        answer = connection.getresponse()
        words = _some_of(answer, connection, until)
    except (OSError, ValueError, http.client.HTTPException) as error:
        why = "timed out" if time.monotonic() >= until else error or type(error).__name__
        raise Unreachable(f"{host} did not take it: {why}") from error
    finally:
        ending.cancel()
        connection.close()
    if not 200 <= answer.status < 300:
        raise Unreachable(f"{host} answered {answer.status} {answer.reason}: {words}"[:290])
    return f"{answer.status} {answer.reason} {words}".strip()[:290]


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever its name means later. Redirects are not followed."""

    def __init__(self, host: str, port: int | None, address: str, *, secure: bool) -> None:
        super().__init__(host, port or (443 if secure else 80), timeout=DEADLINE_S)
        self._address, self._secure = address, secure
        self._wire: socket.socket | None = None
        self._late = False

    def connect(self) -> None:
        """Dial the address; speak TLS with the name, so that its certificate is checked."""
        plain = socket.create_connection((self._address, self.port), DEADLINE_S)
        if not self._secure:
            self.sock = self._wire = plain
            return
        context = ssl.create_default_context()
        secure = context.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = self._wire = secure
        if self._late:
            raise TimeoutError("timed out")
        secure.do_handshake()

    def cut_off(self) -> None:
        """End whatever is being waited for, from another thread."""
        self._late = True
        if self._wire is not None:
            with suppress(OSError):
                # The plain socket's own: that of TLS would take away what the other thread still reads with.
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    def leave_time(self, until: float) -> None:
        """Wait for the next bytes no longer than until then."""
        self.sock.settimeout(max(0.01, until - time.monotonic()))


def _some_of(answer: http.client.HTTPResponse, connection: _Pinned, until: float) -> str:
    """The beginning of the answer, however slowly the rest would come."""
    found = b""
    while len(found) < MOST_READ and time.monotonic() < until:
        if connection.sock is not None:
            connection.leave_time(until)
        chunk = answer.read1(MOST_READ - len(found))
        if not chunk:
            break
        found += chunk
    return " ".join(found.decode(errors="replace").split())[:120]


def _address_of(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"{host} is not known ({error.strerror}); check the address") from error
    except UnicodeError as error:
        raise Unreachable(f"{host[:60]!r} is no name that a host can have; check the address") from error
    addresses = [str(entry[4][0]) for entry in found]
    if host not in envlist(OPEN_HOSTS, []):
        for address in addresses:
            if not _is_outside(address.partition("%")[0]):
                raise Unreachable(
                    f"{host} is {address}, an address inside a network; webhooks go to the internet only, or to hosts "
                    f"that the one who runs the console names in {OPEN_HOSTS}"
                )
    return addresses[0]


def _is_outside(address: str) -> bool:
    """Whether the whole internet may speak to it; what carries an address of IPv4 in itself is judged by that one."""
    known = ipaddress.ip_address(address)
    if isinstance(known, ipaddress.IPv6Address):
        if known in NAT64:
            known = ipaddress.IPv4Address(int(known) & 0xFFFFFFFF)
        elif known not in GLOBAL_UNICAST or known.sixtofour is not None:
            return False
    return known.is_global and not known.is_multicast
