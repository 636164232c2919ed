from __future__ import annotations

import os

import pytest

from arpo_engine.desktops.docker.labels import (
    ATTEMPT,
    ATTEMPT_VARIABLE,
    HOST,
    OWNER,
    RUN,
    RUN_VARIABLE,
    labels,
    mark_process,
    marks_of_process,
    this_host,
)
from arpo_engine.desktops.owners import owner_of


@pytest.fixture(autouse=True)
def unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (RUN_VARIABLE, ATTEMPT_VARIABLE):
        # Set first, so that what a test sets is taken back.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_a_container_says_run_attempt_host_and_process() -> None:
    mark_process("7f3", 2)
    said = labels("docker")
    assert (said[RUN], said[ATTEMPT], said[HOST], said[OWNER]) == ("7f3", "2", this_host(), owner_of(os.getpid()))


def test_a_container_outside_of_a_run_says_so() -> None:
    assert marks_of_process() == {}
    assert labels("docker")[RUN] == "none"


def test_processes_that_somebody_else_starts_are_told() -> None:
    mark_process("7f3", 2)
    assert marks_of_process() == {RUN_VARIABLE: "7f3", ATTEMPT_VARIABLE: "2"}
