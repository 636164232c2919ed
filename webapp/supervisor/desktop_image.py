"""`./arpo setup desktop-image`: builds the light desktop for desktops.kind = docker. Standard library only.

The build reaches for a base image and for Debian's packages; each can be had from elsewhere by an option, and the base
image can be made here by debootstrap where no registry is reached. Python packages of the desktop are brought along.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from webapp.env import BASE_DIR
from webapp.supervisor import install, xvfb_setup
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.terminal import Terminal

TAG: Final = "arpo-desktop"
TITLE: Final = "Building the desktop image"
USUAL_S: Final = 600
RECIPE: Final = BASE_DIR / "docker" / "desktop"
SERVER: Final = BASE_DIR / "arpo_engine" / "desktops" / "server"
BASE_IMAGE: Final = "debian:bookworm-slim"
MADE_BASE: Final = "arpo-base:bookworm-slim"
SUITE: Final = "bookworm"
NEEDED_MB: Final = 7_000
"""The image has 3.4 GB, and a build that fails half-way leaves as much again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a person may choose."""

    tag: str = TAG
    base_image: str = BASE_IMAGE
    debootstrap: bool = False
    """Make the base image here instead of fetching it."""
    mirror: str = ""
    """Where Debian's packages are fetched; empty: where the base image says."""
    apps: str = ""
    """Packages of applications instead of the recipe's own list."""


def command(argv: Sequence[str], log: Path, terminal: Terminal) -> int:
    """What a person gave at the terminal."""
    parser = argparse.ArgumentParser(
        prog="./arpo setup desktop-image", description="build the light desktop for desktops.kind = docker"
    )
    parser.add_argument("--tag", default=TAG, help="the image's name (default: %(default)s)")
    base = parser.add_mutually_exclusive_group()
    base.add_argument("--base-image", default=BASE_IMAGE, help="default: %(default)s")
    base.add_argument(
        "--debootstrap", action="store_true", help="make the base image here, where no registry is reached"
    )
    parser.add_argument("--mirror", default="", help="address of a mirror of Debian's packages")
    parser.add_argument("--apps", default="", help="Debian packages of the applications; fewer make a smaller image")
    recipe = Recipe(**vars(parser.parse_args(argv)))
    began = time.monotonic()

    def beat() -> None:
        terminal.live(f"  … {TITLE}: {time.monotonic() - began:.0f} s (usually {USUAL_S} s)")

    with terminal.step(TITLE):
        build(recipe, log, beat)
    terminal.say(f"The image {recipe.tag} is ready; use it with desktops.kind = docker")
    return 0


def build(recipe: Recipe, log: Path, beat: install.Beat) -> None:
    """Build the image.

    Raises:
        SupervisorError: it cannot be built here, with what to do.
    """
    docker = find_docker()
    _check_disk(docker)
    xvfb_setup.install_server_packages(log, lambda _elapsed_s: beat())
    base = _make_base(docker, recipe.mirror, log, beat) if recipe.debootstrap else recipe.base_image
    with tempfile.TemporaryDirectory(prefix="arpo-desktop-image-") as folder:
        context = Path(folder) / "context"
        gather(context)
        words = [docker, "build", "--tag", recipe.tag, "--build-arg", f"BASE_IMAGE={base}"]
        for name, value in (("MIRROR", recipe.mirror), ("APPS", recipe.apps)):
            words += ["--build-arg", f"{name}={value}"] if value else []
        code = install.run([*words, str(context)], log, beat, _builder(docker))
    if code != 0:
        raise SupervisorError(
            f"the build ended with {code}: {_tail(log)}. If the base image could not be fetched, name another with "
            "--base-image or make one with --debootstrap; if packages could not, name a mirror with --mirror. "
            f"Run it again: it goes on where it was. Log: {log}"
        )


def gather(context: Path) -> None:
    """Everything that the build needs, in one folder."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.dist-info", "bin", ".*")
    shutil.copytree(RECIPE, context)
    shutil.copytree(SERVER, context / "server", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(xvfb_setup.HOME, context / "packages", ignore=leave_out)


def find_docker() -> str:
    """Docker's program, whose engine answers.

    Raises:
        SupervisorError: there is none, or none that may be used.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise SupervisorError(
            "Docker is not installed; install it (Debian and Ubuntu: apt-get install docker.io), or use "
            "desktops.kind = xvfb, which needs none"
        )
    done = subprocess.run([docker, "version"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return docker
    said = done.stderr.strip().splitlines()[-1:] or ["no answer"]
    cure = "start it (sudo systemctl start docker), or set DOCKER_HOST where it listens elsewhere"
    if "permission denied" in done.stderr.lower():
        cure = "become a member of its group (sudo usermod -aG docker $USER, then sign in again)"
    raise SupervisorError(f"the Docker engine cannot be used: {said[0]}; {cure}")


def _check_disk(docker: str) -> None:
    asked = [docker, "info", "--format", "{{.DockerRootDir}}"]
    root = Path(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "/nowhere")
    if not root.is_dir():
        # The engine is on another machine, or in one: its disk cannot be seen from here.
        return
    free_mb = shutil.disk_usage(root).free // 2**20
    if free_mb < NEEDED_MB:
        raise SupervisorError(
            f"{free_mb} MB are free where Docker keeps its images ({root}), and the build needs {NEEDED_MB} MB; "
            "free some with docker system prune"
        )


def _make_base(docker: str, mirror: str, log: Path, beat: install.Beat) -> str:
    """A small Debian, unpacked by debootstrap and handed to the engine."""
    program = shutil.which("debootstrap", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None or os.geteuid() != 0:
        raise SupervisorError(
            "--debootstrap needs root and the program debootstrap (Debian and Ubuntu: apt-get install debootstrap); "
            "without them name a base image that this engine has with --base-image"
        )
    with tempfile.TemporaryDirectory(prefix="arpo-debootstrap-") as folder:
        root = Path(folder) / "root"
        # Without a mirror debootstrap takes Debian's own.
        words = [
            program,
            "--variant=minbase",
            "--include=ca-certificates",
            SUITE,
            str(root),
            *([mirror] if mirror else []),
        ]
        archive = Path(folder) / "root.tar"
        for step in (
            words,
            ["tar", "-C", str(root), "-cf", str(archive), "."],
            [docker, "import", str(archive), MADE_BASE],
        ):
            code = install.run(step, log, beat)
            if code != 0:
                raise SupervisorError(f"{step[0]} ended with {code}: {_tail(log)}. Log: {log}")
    return MADE_BASE


def _builder(docker: str) -> Mapping[str, str]:
    """Debian's Docker brings no buildx, without which newer programs build only if told to do as they used to."""
    has_buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False).returncode == 0
    return {} if has_buildx else {"DOCKER_BUILDKIT": "0"}


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])
