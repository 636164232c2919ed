"""Which node holds which desktops. Knows nodes by the resources that they were started with; knows no Ray.

ARPO starts the nodes of its desktops with `ray start … --resources='{"docker:<ip>": 128}'`; `./arpo join --desktops N`
adds `desktop` to it. Where a cluster has such nodes, desktops stand there and nowhere else, and each reserves its
share; where it has none, as on one machine, nothing is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.runtime.executor import split_evenly

DESKTOP = "desktop"
"""Resource of a node of desktops, as `./arpo join` names it."""
DOCKER = "docker:"
"""Prefix of ARPO's resource for the same, which ends with the node's address."""
MUST_EQUAL = ("numpy", "pillow", "pydantic", "pyside6-essentials")
"""Packages that decide what a desktop shows and how that is said; a node's must be those of the run."""


class NoRoom(DesktopLost):
    """The cluster has no room for the desktops that a run asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopNode:
    """A living node that may hold desktops."""

    resources: tuple[str, ...]
    """Names of its resources for desktops, of which every desktop on it takes one each."""
    free: int
    """Desktops that it has room for."""

    @property
    def name(self) -> str:
        """What a person knows it by."""
        return self.resources[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one process of desktops goes."""

    size: int
    """Desktops in it."""
    resources: tuple[str, ...] = ()
    """What it reserves, `size` of each; nothing on a cluster without nodes for desktops."""

    @property
    def reserved(self) -> dict[str, float]:
        """As Ray's options name it."""
        return {name: float(self.size) for name in self.resources}


def desktop_nodes(nodes: Iterable[Mapping[str, float]], available: Mapping[str, float]) -> list[DesktopNode]:
    """The nodes for desktops among all living ones; those that are told apart by an address come first.

    Args:
        nodes: of each living node all its resources.
        available: what nobody has reserved, of the cluster as a whole. Names with an address in them belong to one
            node; `desktop` alone may belong to several, so nodes with nothing else share what the cluster has left
            of it when the others have theirs.
    """
    left = dict(available)
    found = []
    for node in sorted(nodes, key=lambda node: not _addresses(node)):
        names = (*_addresses(node), *([DESKTOP] if DESKTOP in node else []))
        if names:
            free = int(min(min(node[name], left.get(name, 0.0)) for name in names))
            left |= {name: left.get(name, 0.0) - free for name in names}
            found.append(DesktopNode(resources=names, free=free))
    return found


def _addresses(node: Mapping[str, float]) -> list[str]:
    return sorted(name for name in node if name.startswith(DOCKER))


def place(count: int, per_process: int, nodes: Sequence[DesktopNode]) -> list[Place]:
    """Spread desktops over the nodes as evenly as their room allows, at most `per_process` in one process.

    Raises:
        NoRoom: the nodes together have too little.
    """
    if not nodes:
        return [Place(size=size) for size in split_evenly(count, per_process)]
    room = sum(node.free for node in nodes)
    if room < count:
        listed = ", ".join(f"{node.name} has {node.free}" for node in nodes)
        raise NoRoom(
            f"{count} desktops are asked for (desktops.count), and the cluster has room for {room} ({listed}); lower "
            "desktops.count, wait for other runs to end, or add a node with ./arpo join --desktops N"
        )
    shares = _shares(count, [node.free for node in nodes])
    return [
        Place(size=size, resources=node.resources)
        for node, share in zip(nodes, shares, strict=True)
        if share
        for size in split_evenly(share, per_process)
    ]


def stands(place: Place, nodes: Iterable[DesktopNode]) -> bool:
    """Whether the node of a place is among the living ones."""
    return not place.resources or any(node.resources == place.resources for node in nodes)


def another_place(lost: Place, nodes: Sequence[DesktopNode]) -> Place:
    """Where the desktops of a process go that has died: its own node if that still lives, else the one with most room.

    Raises:
        NoRoom: no node that lives has room for them.
    """
    if stands(lost, nodes):
        return lost  # what it held is being freed, and Ray starts its successor as soon as it is
    if any(node.free >= lost.size for node in nodes):
        return place_for(lost.size, nodes)
    raise NoRoom(
        f"the node {lost.resources[0]} is gone, and no other has room for its {lost.size} desktops; bring it back, "
        "or add one with ./arpo join --desktops N"
    )


def place_for(size: int, nodes: Sequence[DesktopNode]) -> Place:
    """Where the desktops of one more process go: the node with most room, or anywhere if none is for desktops.

    Raises:
        NoRoom: no node has room for them.
    """
    if not nodes:
        return Place(size=size)
    roomy = max(nodes, key=lambda node: node.free)
    if roomy.free < size:
        raise NoRoom(
            f"no node has room for {size} more desktops ({roomy.name} has {roomy.free}); wait for other runs to "
            "end, or add a node with ./arpo join --desktops N"
        )
    return Place(size=size, resources=roomy.resources)


def refuse_other_versions(name: str, *, here: Mapping[str, str], there: Mapping[str, str]) -> None:
    """Raise DesktopLost if the node of the desktops `name` has other packages than the run, as far as desktops go."""
    differ = [
        f"{package} {there[package]}, not {here[package]}"
        for package in MUST_EQUAL
        if package in there and package in here and there[package] != here[package]
    ]
    if differ:
        raise DesktopLost(
            f"the node of {name} has {'; '.join(differ)}; run ./arpo setup there with this version of the "
            "console, so that both have what is locked"
        )


def _shares(count: int, room: Sequence[int]) -> list[int]:
    """Each node's part of `count`: equal parts, and where a node has less room the others take the rest."""
    shares = [0] * len(room)
    left = count
    while left:
        open_nodes = [number for number, free in enumerate(room) if shares[number] < free]
        part = max(1, left // len(open_nodes))
        for number in open_nodes:
            taken = min(part, room[number] - shares[number], left)
            shares[number] += taken
            left -= taken
    return shares
