"""The list of benchmarks names what can be run, and nothing else."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from webapp.env import BASE_DIR
from webapp.supervisor import chores
from webapp.supervisor.errors import SupervisorError
from webapp.supervisor.terminal import Terminal


def test_every_benchmark_on_the_list_is_there():
    assert all(find_spec(f"benchmarks.{name}") is not None for name in chores.BENCHMARKS)


def test_every_benchmark_that_readers_are_told_to_run_is_on_the_list():
    told = [BASE_DIR / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    told += [*(BASE_DIR / "docs").rglob("*.md"), *(BASE_DIR / "benchmarks").glob("*.py")]
    words = re.findall(r"`\./arpo bench ([a-z]+)", "\n".join(path.read_text() for path in told))
    assert set(words) == set(chores.BENCHMARKS)


def test_without_a_name_the_questions_are_listed(capsys: pytest.CaptureFixture[str]):
    assert chores.bench([], Terminal()) == 2
    said = capsys.readouterr().out
    assert all(name in said and question in said for name, question in chores.BENCHMARKS.items())


def test_a_benchmark_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(SupervisorError, match=f"no benchmark 'comparison'; there are: {', '.join(chores.BENCHMARKS)}"):
        chores.bench(["comparison"], Terminal())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pytest is called with, on a machine that lacks nothing."""
    calls: list[list[str]] = []
    monkeypatch.setattr(chores, "missing_libraries", list)
    monkeypatch.setattr(chores.browser, "find_or_install", lambda terminal, log: "/usr/bin/chromium")
    monkeypatch.setattr(chores, "_python", lambda words, environment: calls.append(words) or 0)
    return calls


def test_the_first_tier_leaves_out_what_is_slow_or_needs_an_engine(asked: list[list[str]]):
    assert chores.test(["tests/contract", "-x"], Terminal()) == 0
    assert asked == [["-m", "pytest", "-m", chores.NOT_HERE, "tests/contract", "-x"]]
    assert chores.test(["-m", "docker"], Terminal()) == 0
    assert asked[1:] == [["-m", "pytest", "-m", "docker"]]


def test_both_tiers_leave_out_nothing_and_say_their_times(asked: list[list[str]], capsys: pytest.CaptureFixture[str]):
    assert chores.test([chores.ALL, "tests/engine/desktops"], Terminal()) == 0
    assert asked == [["-m", "pytest", "-m", "", f"--durations={chores.SLOWEST}", "tests/engine/desktops"]]
    assert "both tiers took 0 minutes" in capsys.readouterr().out


def test_all_and_a_choice_contradict_each_other(asked: list[list[str]]):
    with pytest.raises(SupervisorError, match="--all runs every test, and -m chooses some; give one of them"):
        chores.test([chores.ALL, "-m", "slow"], Terminal())
    assert asked == []
