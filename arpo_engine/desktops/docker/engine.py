"""The Docker engine, spoken to through its Python SDK; every way in which it refuses has a sentence with the cure.

Knows no desktops. The SDK is imported when an engine is first asked for, so that whoever has none needs no SDK either.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast

from arpo_engine.contract.errors import DesktopLost

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
TIMEOUT_S = 60.0
"""Longest wait for one answer of the engine; making a container on a busy disk takes seconds."""
KNOCK_TIMEOUT_S = 5.0
LOOPBACK = "127.0.0.1"
DISK_FULL = "no space left on device"


class DockerApi(Protocol):
    """What is used of the SDK's `docker.APIClient`, by the SDK's own names."""

    def version(self) -> dict[str, Any]:
        """Versions of the engine."""
        ...

    def info(self) -> dict[str, Any]:
        """What the engine says of itself and its machine."""
        ...

    def inspect_image(self, image: str) -> dict[str, Any]:
        """One image."""
        ...

    def create_host_config(self, **settings: Any) -> dict[str, Any]:
        """Limits, mounts and ports of a container to be."""
        ...

    def create_container(self, image: str, **settings: Any) -> dict[str, Any]:
        """Make a container; it does not run yet."""
        ...

    def start(self, container: str) -> None:
        """Let it run."""
        ...

    def attach_socket(self, container: str, params: Mapping[str, int]) -> Any:
        """A connection to its standard streams."""
        ...

    def inspect_container(self, container: str) -> dict[str, Any]:
        """One container."""
        ...

    def pause(self, container: str) -> None:
        """Freeze its processes."""
        ...

    def unpause(self, container: str) -> None:
        """Let them go on."""
        ...

    def remove_container(self, container: str, *, force: bool, v: bool) -> None:
        """Kill it and remove what it wrote."""
        ...

    def logs(self, container: str, *, tail: int) -> bytes:
        """The last lines that a container said."""
        ...

    def containers(self, *, all: bool, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Those that fit."""
        ...


def address() -> str:
    """Where the engine is asked: DOCKER_HOST, as for every program of Docker."""
    return os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS


def connect() -> DockerApi:
    """The engine of this machine, or the one that DOCKER_HOST names.

    Raises:
        DesktopLost: there is none, it may not be spoken to, or the SDK is missing; each with what to do.
    """
    where = address()
    if where.startswith("unix://"):
        _knock(where.removeprefix("unix://"))
    try:
        # Not `docker` alone: in a checkout that is a folder of this project, and Python takes it for a package.
        importlib.import_module("docker.errors")
        sdk = importlib.import_module("docker")
    except ImportError as error:
        raise DesktopLost("the Python package docker is not installed; run ./arpo setup") from error
    with explained("a first question"):
        api = cast(DockerApi, sdk.APIClient(base_url=where, version="auto", timeout=TIMEOUT_S))
        api.version()
    return api


@contextlib.contextmanager
def explained(what: str, image: str = "", cure: str = "") -> Iterator[None]:
    """Give the errors of the SDK their sentence.

    Args:
        what: What was asked.
        image: The image that it was about.
        cure: What to do when that image is missing.

    Raises:
        DesktopLost: the engine refused, or is gone.
    """
    import requests

    errors = importlib.import_module("docker.errors")
    try:
        yield
    except errors.ImageNotFound as error:
        raise DesktopLost(f"the image {image} is not on the Docker engine at {address()}; {cure}") from error
    except errors.APIError as error:
        said = str(error.explanation or error)
        if DISK_FULL in said.lower():
            raise DesktopLost(
                f"the disk of the Docker engine is full ({said[-200:]}); "
                "see what fills it with `docker system df`, and free some with `docker system prune`"
            ) from error
        if image and error.status_code == 404:
            raise DesktopLost(f"the image {image} is not on the Docker engine at {address()}; {cure}") from error
        raise DesktopLost(f"the Docker engine refuses {what}: {said[-300:]}") from error
    except (errors.DockerException, requests.RequestException, OSError) as error:
        raise DesktopLost(
            f"the Docker engine at {address()} does not answer; is it running? "
            f"({what}: {type(error).__name__}: {str(error)[-200:]})"
        ) from error


def is_missing(error: BaseException) -> bool:
    """Whether the engine said that there is no such container, or that it is being removed already."""
    return getattr(error, "status_code", None) in (404, 409)


def is_running_already(error: BaseException) -> bool:
    """Whether the engine refused to wake a container because it is not paused: somebody else woke it."""
    return "is not paused" in str(getattr(error, "explanation", None) or "")


def _knock(path: str) -> None:
    """Say precisely why a socket of this machine cannot be used; the SDK puts all of it into one sentence."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(KNOCK_TIMEOUT_S)
        try:
            knocking.connect(path)
        except FileNotFoundError as error:
            raise DesktopLost(
                f"there is no Docker engine at {path}; install and start one (Debian and Ubuntu: apt-get install "
                "docker.io), set DOCKER_HOST where it listens elsewhere, or use desktops.kind = xvfb"
            ) from error
        except PermissionError as error:
            raise DesktopLost(
                f"you may not use the Docker engine at {path}; become a member of its group (sudo usermod -aG docker "
                "$USER, then sign in again)"
            ) from error
        except (ConnectionRefusedError, TimeoutError) as error:
            raise DesktopLost(
                f"the Docker engine at {path} is not running; start it (sudo systemctl start docker)"
            ) from error
