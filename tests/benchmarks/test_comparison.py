"""A comparison is fixed beforehand, reads what its runs did from their events, and says what the numbers allow."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from pydantic import ValidationError
from scipy import stats

from arpo_engine.contract.events import (
    CheckpointSaved,
    EpisodeEnded,
    EpisodeStarted,
    Event,
    GroupCollected,
    GroupMember,
    HostSampled,
    Injection,
    MetricsLogged,
    RunEnded,
)
from arpo_engine.contract.outcomes import EndedBy, RunOutcome, Split
from arpo_engine.contract.reporting import SPOOL_NAME
from arpo_engine.contract.reporting.spool import Spool
from arpo_engine.tasks import load_split
from benchmarks.comparison import show
from benchmarks.comparison_figures import Arm, figures, paired
from benchmarks.comparison_plan import FILE, CompareFile, read_plan, write_tasks
from benchmarks.comparison_plot import write_curves
from benchmarks.comparison_runs import Point, Practice, finished, read_practice
from benchmarks.engine import ENGINE, run_side_by_side

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
SOURCE = "configs/tasks/pocket"


def test_the_shipped_file_names_known_feasible_tasks_and_no_seed_twice():
    plan = read_plan()
    feasible = {task.id for task in load_split(SOURCE, "train") if not task.infeasible}
    assert set(plan.never_solved) <= feasible
    assert set(plan.arms) == {"arpo", "grpo"}
    for comparison in plan.comparisons.values():
        assert len(set(comparison.seeds)) == len(comparison.seeds) >= 8


def test_a_key_that_nobody_reads_is_refused():
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    with pytest.raises(ValidationError, match="stepz"):
        CompareFile.model_validate({**data, "stepz": 3})


def test_only_the_never_solved_tasks_are_practised_and_all_held_out_ones_are_measured(tmp_path):
    plan = read_plan()
    write_tasks(plan, plan.comparisons["sparse"], SOURCE, tmp_path)
    assert [task.id for task in load_split(tmp_path, "train")] == list(plan.never_solved)
    held_out = load_split(SOURCE, "held_out")
    assert [task.content_hash for task in load_split(tmp_path, "held_out")] == [task.content_hash for task in held_out]


def test_a_task_that_the_preset_has_not_is_refused_by_its_name(tmp_path):
    plan = read_plan().model_copy(update={"never_solved": ("pocket-fly-to-the-moon",)})
    with pytest.raises(SystemExit, match="pocket-fly-to-the-moon"):
        write_tasks(plan, plan.comparisons["sparse"], SOURCE, tmp_path)


def test_a_difference_comes_with_students_interval_and_both_tests():
    arpo, grpo = [0.9, 0.8, 0.7, 0.9, 0.8], [0.8, 0.8, 0.5, 0.8, 0.6]
    told = paired(arpo, grpo, scale=100.0)
    reference = stats.ttest_rel(arpo, grpo)
    low, high = reference.confidence_interval(0.95)
    assert told["difference"] == pytest.approx(12.0)
    assert told["ci95_half_width"] == pytest.approx(100 * (high - low) / 2)
    assert told["p_value"] == pytest.approx(reference.pvalue)
    assert told["p_value_sign_flips"] == pytest.approx(4 / 32)
    assert told["per_seed"] == pytest.approx([10.0, 0.0, 20.0, 10.0, 20.0])


def test_arms_that_do_not_differ_at_all_are_no_finding():
    told = paired([0.5, 0.6], [0.5, 0.6])
    assert (told["difference"], told["p_value"], told["p_value_sign_flips"]) == (0.0, 1.0, 1.0)


def test_a_run_is_read_as_it_went(tmp_path):
    _write_run(tmp_path)
    practice = read_practice(tmp_path)
    assert [(point.step, point.env_steps, point.success) for point in practice.points] == [(1, 40, 0.0), (2, 100, 0.5)]
    assert [point.cpu_s for point in practice.points] == [1.5, 9.0], "half a core for three seconds; then a whole one"
    assert practice.first_success == {"b": 100}
    assert (practice.groups, practice.failed_groups, practice.injections) == (2, 1, 1)
    assert practice.policies == {2: tmp_path / "checkpoints/step_000002/policy"}
    assert finished(tmp_path)


def test_a_run_that_was_cut_off_is_not_finished(tmp_path):
    assert not finished(tmp_path)
    _write_run(tmp_path, outcome=RunOutcome.STOPPED)
    assert not finished(tmp_path)


def test_budgets_choose_among_saved_steps():
    practice = _practice(0.5)
    assert practice.at(190).step == 2
    assert practice.within(25.0).step == 2
    assert practice.within(1.0).step == 2, "before the first saved step there is only that one"
    assert practice.practised(300) == pytest.approx(0.5)


def test_the_figures_of_a_comparison_hold_what_was_counted(tmp_path, capsys):
    arms = {
        "arpo": [_arm(0.75, {"a-1": (3, 4), "b-2": (3, 4)}), _arm(0.5, {"a-1": (2, 4), "b-2": (4, 4)})],
        "grpo": [_arm(0.5, {"a-1": (1, 4), "b-2": (3, 4)}), _arm(0.5, {"a-1": (2, 4), "b-2": (2, 4)})],
    }
    told = figures(arms, env_steps=400, never_solved=["a-1", "b-2"])
    assert told["arpo"]["per_seed"] == [0.75, 0.75]
    assert told["grpo"]["per_seed"] == [0.5, 0.5]
    assert told["arpo_minus_grpo_points"] == pytest.approx(25.0)
    assert told["during_practice"]["per_seed"] == pytest.approx([25.0, 0.0])
    assert told["by_family_points"]["a"] == {"arpo": 62.5, "grpo": 37.5, "difference": 25.0}
    first = told["steps_to_first_success"]
    assert first["median"] == {"arpo": 250.0, "grpo": 250.0}, "one task after 100 steps, the other not within 400"
    assert first["solved_share"] == {"arpo": 0.5, "grpo": 0.5}
    write_curves(tmp_path / "curves.svg", arms, 400, "Two arms")
    tree = ElementTree.parse(tmp_path / "curves.svg")
    assert len(tree.findall(".//{http://www.w3.org/2000/svg}polyline")) == 2
    show({"comparisons": {"tiny": json.loads(json.dumps(told))}})
    assert "+25.0 ± 0.0" in capsys.readouterr().out


def test_a_command_that_fails_ends_the_comparison_with_its_words():
    with pytest.raises(SystemExit, match="train --no-such-option"):
        run_side_by_side([[ENGINE, "train", "--no-such-option"]])


def _practice(success: float) -> Practice:
    practice = Practice(
        run_dir=None,  # type: ignore[arg-type]
        points=[Point(step=step, env_steps=100 * step, cpu_s=10.0 * step, success=success) for step in range(1, 5)],
        first_success={"a-1": 100},
        groups=4,
    )
    practice.policies = {2: None, 4: None}  # type: ignore[dict-item]
    return practice


def _arm(success: float, counts: dict[str, tuple[int, int]]) -> Arm:
    both = {"train": counts, "held_out": counts}
    return Arm(_practice(success), at_env_steps=both, at_cpu=both)


def _write_run(folder, *, outcome: RunOutcome = RunOutcome.FINISHED) -> None:
    spool = Spool(folder / SPOOL_NAME, 1)
    for second, event in enumerate(_events(outcome)):
        spool.append(event, BEGAN + timedelta(seconds=second))
    spool.flush()
    spool.close()


def _events(outcome: RunOutcome) -> list[Event]:
    """One step without a success, one with: a failed group into which a success came back, and a solved one."""
    injected = Injection(
        source_episode_id="old", source_step=0, source_weight_version=0, replaced_episode_id="a-r1", age_steps=1
    )
    return [
        _sample(50.0),
        *_episode("a-r1", "a", "g1", score=0.0),
        _metrics(1, 40, 0.0),
        _sample(100.0),
        *_episode("b-r1", "b", "g2", score=1.0),
        GroupCollected(
            group_id="g1",
            step=2,
            task_id="a",
            members=[GroupMember(episode_id="old", reward=1.0, advantage=1.0, injected=injected)],
            zero_gradient=False,
        ),
        GroupCollected(
            group_id="g2",
            step=2,
            task_id="b",
            members=[GroupMember(episode_id="b-r1", reward=1.0, advantage=0.0)],
            zero_gradient=True,
        ),
        _metrics(2, 100, 0.5),
        CheckpointSaved(step=2, path="checkpoints/step_000002", bytes=1, export_path="checkpoints/step_000002/policy"),
        RunEnded(outcome=outcome, step=2),
    ]


def _episode(episode: str, task: str, group: str, *, score: float) -> list[Event]:
    started = EpisodeStarted(
        episode_id=episode, group_id=group, task_id=task, instruction=task, split=Split.TRAIN, step=1, desktop="d"
    )
    return [started, EpisodeEnded(episode_id=episode, ended_by=EndedBy.FINISHED, score=score, reward=score)]


def _metrics(step: int, env_steps: int, success: float) -> MetricsLogged:
    return MetricsLogged(step=step, values={"env_steps": float(env_steps), "train/success": success})


def _sample(percent: float) -> HostSampled:
    return HostSampled(
        host="h",
        cpu_percent=percent,
        cores=2,
        memory_used_mb=1.0,
        memory_total_mb=2.0,
        disk_free_mb=3.0,
        run_cpu_percent=percent,
    )
