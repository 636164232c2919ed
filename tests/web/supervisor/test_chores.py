"""The list of benchmarks names what can be run, and nothing else."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from webapp.supervisor import chores
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.terminal import Terminal


def test_every_benchmark_on_the_list_is_there():
    assert all(find_spec(f"benchmarks.{name}") is not None for name in chores.BENCHMARKS)


def test_without_a_name_the_questions_are_listed(capsys: pytest.CaptureFixture[str]):
    assert chores.bench([], Terminal()) == 2
    said = capsys.readouterr().out
    assert all(name in said and question in said for name, question in chores.BENCHMARKS.items())


def test_a_benchmark_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(SupervisorError, match=f"no benchmark 'comparison'; there are: {', '.join(chores.BENCHMARKS)}"):
        chores.bench(["comparison"], Terminal())
