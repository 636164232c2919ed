"""The rollout benchmark's simulation: its model is the one that it names, and every mode meets the same episodes."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from arpo_engine.desktops.host import Act, Reset, Score
from benchmarks.rollout import cases, summary
from benchmarks.rollout_runs import Case, run
from benchmarks.rollout_world import Clock, Latencies, SimulatedDesktops, tasks
from tests.engine.policies import shared_policy

SHORT = Latencies({"reset_s": [1.0, 3.0], "step_s": [1.0], "generate_s": [2.0], "episode_steps": [2.0, 4.0]})


def test_the_model_takes_as_long_as_the_table_that_it_comes_from():
    service, generating = Latencies().expected()
    assert service == pytest.approx(99, rel=0.05)
    assert 30 < generating < 45


def test_a_trace_is_drawn_from_and_nothing_else():
    # 2 of reset; 2 or 4 replies of 2 s; one action after each but the last, which the longest episode has too.
    assert SHORT.expected()[0] == pytest.approx(2 + 3 * 2 + (1 + 4) / 2, rel=0.03)
    assert SHORT.longest == 4
    assert {SHORT.reset(random.Random(seed)) for seed in range(20)} == {1.0, 3.0}


def test_a_trace_that_lacks_a_list_is_refused_with_its_name(tmp_path):
    (tmp_path / "trace.json").write_text(json.dumps({"reset_s": [1], "step_s": [1], "generate_s": []}))
    with pytest.raises(SystemExit, match="generate_s, episode_steps"):
        Latencies.read(tmp_path / "trace.json")


def test_latencies_depend_on_the_task_and_its_turn_and_not_on_who_came_first():
    async def busy(order: list[int]) -> float:
        clock = Clock(1e6)
        host = SimulatedDesktops(2, Latencies(), clock, seed=0)
        known = tasks(2)
        for index in order:
            await host.call(index, Reset(known[index]))
        for index in reversed(order):
            await host.call(index, Act(None))
            assert await host.call(index, Score(None)) in (0.0, 1.0)
        return clock.busy_s

    assert asyncio.run(busy([0, 1])) == pytest.approx(asyncio.run(busy([1, 0])))


@pytest.mark.parametrize("mode", ["lockstep", "barrier", "stream"])
@pytest.mark.parametrize("saturating", [False, True])
def test_each_mode_runs_through_the_production_loop_and_gives_its_figures(tmp_path, mode: str, saturating: bool):
    case = Case(mode=mode, desktops=16, seed=0, scale=1000.0, saturating=saturating, steps=(1, 2))
    found = asyncio.run(run(case, SHORT, shared_policy().chat, tmp_path))
    assert found["episodes_per_s"] > 0
    assert 0 <= found["trainer_idle"] <= 1
    assert found["utilisation"] > 0


def test_modes_are_compared_by_their_medians():
    told = {"utilisation": 0.5, "trainer_idle": 0.1, "collect_s": 9.0, "staleness": 0.2, "version_lag": 1.0,
            "version_lag_max": 2.0, "too_old": 0.0, "cpu_ms_per_action": 0.3, "late_ms_per_wait": 0.1}  # fmt: skip
    runs = [
        (Case(mode=mode, desktops=128, seed=seed, scale=1.0), {**told, "episodes_per_s": rate * seed})
        for mode, rate in (("lockstep", 0.1), ("barrier", 0.4), ("stream", 0.8))
        for seed in (1, 2, 9)
    ]
    found = summary(runs, desktops=128, service_s=100.0)
    assert found["speedup"] == {"barrier": pytest.approx(4.0), "stream": pytest.approx(8.0)}
    assert found["bound_fraction"]["stream"] == pytest.approx(1.6 / 1.28)
    assert found["bound_with_learner_episodes_per_s"] == pytest.approx(128 / 104)
    assert summary(runs, 128, 100.0, learns=False)["bound_with_learner_episodes_per_s"] == pytest.approx(1.28)


def test_the_largest_size_is_run_with_every_seed_and_all_else_once():
    planned = list(cases((16, 128), 3, 20.0, {"lockstep": (1, 2), "barrier": (1, 4), "stream": (3, 6)}))
    headline = [case for case in planned if case.desktops == 128 and case.learns and not case.saturating]
    assert (len(headline), len(planned)) == (9, 18)
    assert sum(case.saturating for case in planned) == sum(not case.learns for case in planned) == 3
