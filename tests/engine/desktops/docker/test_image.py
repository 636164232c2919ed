"""What an image says that it holds, asked of a *simulated* engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.docker.image import LABEL, programs_of
from tests.simulated.docker_engine import SimulatedEngine

DOCKERFILE = Path(__file__).resolve().parents[4] / "docker" / "desktop" / "Dockerfile"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedEngine:
    pytest.importorskip("docker.errors")
    made = SimulatedEngine(tmp_path / "docker.sock", images={"arpo-desktop"})
    monkeypatch.setenv("DOCKER_HOST", made.address)
    return made


def test_the_programs_are_those_of_the_packages_that_it_names(engine: SimulatedEngine) -> None:
    engine.image_labels = {LABEL: "xfce4-terminal libreoffice-calc libreoffice-gtk3 chromium"}
    with engine:
        found = programs_of("arpo-desktop")
    assert found is not None
    assert {"localc", "chromium", "xfce4-terminal"} <= found
    assert not {"gimp", "loimpress"} & found


@pytest.mark.parametrize("labels", [None, {}, {"maintainer": "somebody"}])
def test_an_image_that_does_not_say_is_no_reason_to_refuse(
    engine: SimulatedEngine, labels: dict[str, str] | None
) -> None:
    engine.image_labels = labels
    with engine:
        assert programs_of("arpo-desktop") is None


def test_an_image_that_is_not_there_says_what_builds_it(engine: SimulatedEngine) -> None:
    with engine, pytest.raises(DesktopLost, match=r"image other is not .*\./arpo setup desktop-image"):
        programs_of("other")


def test_the_image_is_built_with_the_words_that_are_asked_for() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert f"LABEL {LABEL}=" in text
