"""What the parts of a console see of the environment that they are started in."""

from __future__ import annotations

from pathlib import Path

import pytest

from webapp.supervisor.options import UpOptions
from webapp.supervisor.stack import Stack


def test_the_web_server_keeps_few_heaps_unless_its_operator_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    stack = Stack(UpOptions(data=tmp_path, port=18431))
    assert stack.web_spec().program().env["MALLOC_ARENA_MAX"] == "2"
    assert "MALLOC_ARENA_MAX" not in stack.worker_spec().program().env
    monkeypatch.setenv("MALLOC_ARENA_MAX", "8")
    assert stack.web_spec().program().env["MALLOC_ARENA_MAX"] == "8"


def test_each_part_may_keep_what_it_compiled_so_that_the_next_start_is_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    stack = Stack(UpOptions(data=tmp_path, port=18431))
    for spec in (stack.web_spec(), stack.worker_spec(), stack.beat_spec()):
        assert "PYTHONDONTWRITEBYTECODE" not in spec.program().env
    assert "PYTHONDONTWRITEBYTECODE" not in stack.environment()
