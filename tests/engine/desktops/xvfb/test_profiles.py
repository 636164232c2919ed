"""Applications of a fresh desktop open with their own window, and with no wizard, tip or question before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.desktops.desktop_client import DesktopClient
from arpo_engine.desktops.server.profiles import FILES, write_profiles
from arpo_engine.desktops.xvfb.provider import XvfbProvider
from arpo_engine.desktops.xvfb.requirements import has_program
from tests.engine.desktops.xvfb.conftest import shell

WINDOWS = {
    "gimp": "GNU Image Manipulation Program",
    "vlc": "VLC media player",
    "thunderbird": "Local Folders - Mozilla Thunderbird",
}
"""What starts each, and the title of the one window that is then there."""
OPENED = "for i in $(seq 500); do wmctrl -l | grep -q '{title}' && break; sleep 0.2; done; sleep 4; wmctrl -l"


@pytest.fixture
def client() -> Iterator[DesktopClient]:
    machine = XvfbProvider(XvfbDesktopsConfig(spares=0)).start()
    made = DesktopClient(machine, 120.0)
    yield made
    made.close()
    machine.close()


@pytest.mark.slow
@pytest.mark.parametrize(("program", "title"), WINDOWS.items())
def test_nothing_asks_before_an_application_can_be_used(client: DesktopClient, program: str, title: str) -> None:
    if not has_program(program):
        pytest.skip(f"this machine has no {program}; run ./arpo setup xvfb")
    shell(client, f"({program} >/dev/null 2>&1 &)")
    (window,) = shell(client, OPENED.format(title=title)).splitlines()
    assert window.endswith(title)


def test_what_is_in_a_home_already_stays(tmp_path: Path) -> None:
    own = tmp_path / ".thunderbird" / "profiles.ini"
    own.parent.mkdir()
    own.write_text("mine", encoding="utf-8")
    write_profiles(tmp_path)
    assert own.read_text(encoding="utf-8") == "mine"
    assert all((tmp_path / name).is_file() for name in FILES)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("sans-serif", "DejaVu Sans"),
        ("Cantarell", "DejaVu Sans"),
        ("monospace", "DejaVu Sans Mono"),
        ("serif", "DejaVu Serif"),
        ("system-ui", "DejaVu Sans"),
    ],
)
def test_letters_are_the_same_on_every_machine(client: DesktopClient, asked: str, given: str) -> None:
    """Menus of applications are as high as their letters, and oracles click in them."""
    if not has_program("fc-match"):
        pytest.skip("this machine has no fc-match (package fontconfig)")
    assert shell(client, f"fc-match -f '%{{family}}' {asked!r}") == given
