"""`./arpo setup desktop-image`: what is built from what, and what is said where it cannot be."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from webapp.env import BASE_DIR
from webapp.supervisor import desktop_image, install, xvfb_setup
from webapp.supervisor.desktop_image import Recipe, gather
from webapp.supervisor.errors import SupervisorError

Commands = list[list[str]]


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a Docker whose engine answers, and nothing else."""
    folder = tmp_path / "programs"
    program(folder, "docker", 'case "$1" in buildx) exit 1;; esac')
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    for name in ("mss", "pyautogui", "mss-10.2.0.dist-info", ".arpo"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setattr(xvfb_setup, "HOME", folder)
    monkeypatch.setattr(xvfb_setup, "install_server_packages", lambda log, report: None)
    return folder


@pytest.fixture
def commands(programs: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    ran: Commands = []

    def run(argv: list[str], log: Path, beat: install.Beat, variables: object = None) -> int:
        ran.append(argv)
        return 0

    monkeypatch.setattr(install, "run", run)
    return ran


def build(recipe: Recipe, folder: Path) -> None:
    desktop_image.build(recipe, folder / "log", lambda: None)


def test_base_mirror_and_applications_are_arguments_of_the_build(commands: Commands, tmp_path: Path) -> None:
    build(Recipe(base_image="here/debian", mirror="http://mirror.example/debian", apps="gedit"), tmp_path)
    (words,) = commands
    assert words[1:-1] == [
        *("build", "--tag", "arpo-desktop", "--build-arg", "BASE_IMAGE=here/debian"),
        *("--build-arg", "MIRROR=http://mirror.example/debian", "--build-arg", "APPS=gedit"),
    ]


def test_the_recipe_s_own_choices_hold_where_nothing_is_said(commands: Commands, tmp_path: Path) -> None:
    build(Recipe(), tmp_path)
    assert [word for word in commands[0] if "=" in word] == ["BASE_IMAGE=debian:bookworm-slim"]


def test_the_context_has_the_server_and_its_packages_and_no_caches(packages: Path, tmp_path: Path) -> None:
    gather(tmp_path / "context")
    found = {path.relative_to(tmp_path / "context").as_posix() for path in (tmp_path / "context").rglob("*")}
    assert {"Dockerfile", "start.py", "first_start.sh", "server/api.py", "server/bin/google-chrome"} <= found
    assert "packages/mss" in found
    assert not [name for name in found if "dist-info" in name or "__pycache__" in name or ".arpo" in name]


def test_every_argument_is_one_that_the_recipe_knows() -> None:
    text = (BASE_DIR / "docker" / "desktop" / "Dockerfile").read_text(encoding="utf-8")
    assert {f"ARG {name}=" in text for name in ("BASE_IMAGE", "MIRROR", "APPS")} == {True}


def test_the_container_s_user_is_not_root() -> None:
    text = (BASE_DIR / "docker" / "desktop" / "Dockerfile").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("USER")][-1] == "USER user"


def test_the_image_has_everything_that_desktops_of_this_machine_have() -> None:
    text = (BASE_DIR / "docker" / "desktop" / "Dockerfile").read_text(encoding="utf-8")
    of_a_host = {"util-linux", "python3"}
    wanted = {*xvfb_setup.SERVER_PACKAGES, *xvfb_setup.APPLICATIONS} - of_a_host
    assert wanted - set(re.findall(r"[a-z0-9.+-]+", text)) == set()


def test_without_docker_there_is_a_way_round(programs: Path, packages: Path, tmp_path: Path) -> None:
    (programs / "docker").unlink()
    with pytest.raises(SupervisorError, match=r"not installed; .*docker\.io.*xvfb"):
        build(Recipe(), tmp_path)


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("permission denied while trying to connect to the Docker daemon socket", "usermod -aG docker"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "systemctl start docker"),
    ],
)
def test_an_engine_that_refuses_is_told_with_its_cure(programs: Path, tmp_path: Path, said: str, cure: str) -> None:
    program(programs, "docker", f"echo '{said}' >&2; exit 1")
    with pytest.raises(SupervisorError, match=cure):
        build(Recipe(), tmp_path)


def test_a_full_disk_is_seen_before_the_build(
    programs: Path, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(programs, "docker", f"echo {tmp_path}")
    monkeypatch.setattr(desktop_image, "NEEDED_MB", 10**9)
    with pytest.raises(SupervisorError, match=r"MB are free where Docker keeps its images .*docker system prune"):
        build(Recipe(), tmp_path)


def test_a_base_is_made_by_root_only(commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SupervisorError, match="--base-image"):
        build(Recipe(debootstrap=True), tmp_path)
    assert commands == []


def test_a_build_that_fails_says_its_last_words_and_what_else_to_try(
    programs: Path, packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(programs, "docker", 'if [ "$1" = build ]; then echo "manifest unknown" >&2; exit 1; fi')
    with pytest.raises(SupervisorError, match=r"manifest unknown.*--base-image.*--mirror"):
        build(Recipe(), tmp_path)


def test_an_engine_without_buildx_builds_as_it_used_to(programs: Path) -> None:
    docker = str(programs / "docker")
    assert desktop_image._builder(docker) == {"DOCKER_BUILDKIT": "0"}
    program(programs, "docker", "exit 0")
    assert desktop_image._builder(docker) == {}
    assert subprocess.run([docker], check=False).returncode == 0
