"""Which servers of models a run may ask, and which of them get the machine's key. Looks up no name and opens nothing.

A person who starts a run in the console names the servers, and the engine that asks them stands inside somebody's
network. So a run of theirs may ask servers that whoever runs the console has listed, with the key; and, without it,
servers on this machine or on private addresses. What counts is the address that a name leads to where the run runs: a
name proves nothing. From a shell there is no gate: who has one needs none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from arpo_engine.contract.errors import ConfigError, ModelError

GATE_VARIABLE: Final = "ARPO_SERVER_GATE"
"""In the environment of a run: its gate. Set by the console, never by a config."""
LIST_VARIABLE: Final = "ARPO_MODEL_SERVERS"
"""In the environment of the console: the servers that are listed."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NEAR: Final = tuple(
    ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1", "fc00::/7")
)
"""This machine, and private networks (RFC 1918, 6598, 4193)."""
_FOR_MACHINES: Final = tuple(
    ip_network(text) for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
)
"""Where clouds tell a machine about itself, beside the link-local 169.254.169.254; some lie in private networks."""
_NAT64: Final = ip_network("64:ff9b::/96")
_KEY_IN_ADDRESS: Final = re.compile(r"//[^/@\s]+@")


class ServerRefused(ModelError):
    """A run may not ask this server; the text says who can change that."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of the list: a name (`*` stands for other letters) or a network, and a port or any."""

    name: str = ""
    network: Network | None = None
    port: int | None = None

    def names(self, host: str, port: int) -> bool:
        return self.network is None and self.port in (None, port) and fnmatchcase(host, self.name)

    def covers(self, address: Address, port: int) -> bool:
        return self.network is not None and self.port in (None, port) and address in self.network


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerGate:
    """What one run may ask."""

    listed: tuple[str, ...] = ()
    """Names, networks and addresses, each with a port or without; addresses of servers (`https://…`) do as well."""
    anywhere: bool = False
    """Started by an admin: every server but those that tell a machine about itself."""

    def gives_key(self, host: str, port: int, address: str) -> bool:
        """Whether the server at this address, found under this name, gets the key.

        Raises:
            ServerRefused: it may not be asked at all.
        """
        found, host = _plain(ip_address(address.partition("%")[0])), _name(host)
        rules = [_rule(entry) for entry in self.listed]
        by_number = any(rule.covers(found, port) for rule in rules)
        if _is_for_machines(found) and not by_number:
            raise ServerRefused(
                f"{_called(host, found)} is an address at which a network or a cloud talks to its machines, which no "
                f"run may ask; give the address of a server of models, or have this very number listed in "
                f"{LIST_VARIABLE} by whoever runs the console"
            )
        if self.anywhere or by_number or any(rule.names(host, port) for rule in rules):
            return True
        if any(found in network for network in _NEAR):
            return False
        raise ServerRefused(
            f"{_called(host, found)} is a public server that is not listed for runs of this console; ask whoever runs "
            f"the console to add {host} to {LIST_VARIABLE}, let an admin of the team start this run, or use a server "
            "on a private address"
        )

    def check_without_looking_up(self, url: str) -> None:
        """Refuse at once what needs no look-up: an address in numbers. A name is judged where the run runs.

        Raises:
            ServerRefused: it may not be asked.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return
        self.gives_key(host, parts.port or _port_of(parts.scheme), host)

    def as_text(self) -> str:
        """For the environment of a run."""
        return json.dumps({"listed": self.listed, "anywhere": self.anywhere})


def without_keys(text: str) -> str:
    """A text that may quote addresses, without what stands in them before an @."""
    return _KEY_IN_ADDRESS.sub("//…@", text)


def gate_in(environment: Mapping[str, str]) -> ServerGate | None:
    """The gate of this run; None where nobody set one, as in a shell.

    Raises:
        ConfigError: it cannot be read.
    """
    text = environment.get(GATE_VARIABLE)
    if text is None:
        return None
    try:
        tree = json.loads(text)
        return ServerGate(listed=tuple(str(entry) for entry in tree["listed"]), anywhere=tree["anywhere"] is True)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{GATE_VARIABLE} is {text[:80]!r}; leave it to the console, which sets it") from error


def check_list(entries: list[str]) -> tuple[str, ...]:
    """The entries of the list, if each can be read.

    Raises:
        ConfigError: one cannot.
    """
    for entry in entries:
        _rule(entry)
    return tuple(entries)


def _rule(entry: str) -> _Rule:
    trouble = ConfigError(
        f"{LIST_VARIABLE} holds {entry!r}; write servers as a name, a number or a network, with a port or without: "
        "api.example.com, gpu-*.lab.example:8000, 10.1.0.0/16"
    )
    if "://" in entry:
        parts = urlsplit(entry)
        try:
            named, implied = parts.hostname or "", parts.port or _port_of(parts.scheme)
        except ValueError:
            raise trouble from None
        entry = f"[{named}]:{implied}" if ":" in named else f"{named}:{implied}"
    try:
        return _Rule(network=ip_network(entry.strip("[]"), strict=False))
    except ValueError:
        host, _, port_text = entry.rpartition(":")
    if not host:
        host, port_text = entry, ""
    if port_text and not (port_text.isdecimal() and 0 < int(port_text) < 65536):
        raise trouble
    port = int(port_text) if port_text else None
    try:
        return _Rule(network=ip_network(host.strip("[]"), strict=False), port=port)
    except ValueError:
        host = _name(host)
    if not host or host.strip("*.") == "" or any(letter in host for letter in "/@ ?#[]:"):
        raise trouble
    return _Rule(name=host, port=port)


def _port_of(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _name(host: str) -> str:
    return host.lower().rstrip(".")


def _plain(address: Address) -> Address:
    """An IPv4 address that is written inside an IPv6 one, as itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_for_machines(address: Address) -> bool:
    special = address.is_link_local or address.is_multicast or address.is_unspecified
    # Python counts ::1 among the reserved.
    reserved = address.is_reserved and not address.is_loopback
    return special or reserved or any(address in network for network in _FOR_MACHINES)


def _called(host: str, address: Address) -> str:
    return host if host == str(address) else f"{host} ({address})"
