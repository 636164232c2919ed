"""What is said before runs are compared: other tasks, other sampling, other treatment of faults, other lengths."""

from __future__ import annotations

from typing import Any

from arpo_engine.contract.config import RunConfig
from webapp.analysis.cells import Cell, Row, Task, shared, totals
from webapp.analysis.differing import BUT_SEED, differing, grouped
from webapp.analysis.honesty import Side, notes_of


def config(**changes: Any) -> dict[str, Any]:
    return RunConfig.model_validate(changes).model_dump(mode="json")


def side(name: str, step: int = 100, *, ended: bool = True, **changes: Any) -> Side:
    kind = changes.get("kind", "train")
    return Side(name=name, kind=kind, config=config(**changes), step=step, ended=ended)


def told(sides: list[Side], *rows: tuple[Cell | None, ...], tries: str = "measured") -> str:
    made = [Row(task=Task(task_id=str(place)), cells=cells) for place, cells in enumerate(rows)]
    notes = notes_of(sides, made, totals(made, len(sides)), len(shared(made)), tries)
    return "\n".join(line for note in notes for line in (note.text, *note.details))


ONE = Cell(successes=1, tries=2)


def test_runs_that_agree_in_everything_need_no_word() -> None:
    assert told([side("A"), side("B", seed=2, optimizer={"lr": 3e-6})], (ONE, ONE), (ONE, ONE)) == ""


def test_other_tasks_are_told_with_how_many_are_shared_and_why() -> None:
    words = told([side("A"), side("B", tasks={"limit": 12})], (ONE, ONE), (ONE, None), (None, None))
    assert "not of the same tasks: 1 of 2 shared" in words
    assert "tasks.limit: none (A); 12 (B)" in words


def test_other_sampling_is_that_of_the_tries_which_are_compared() -> None:
    sides = [side("A"), side("B", rollout={"temperature": 0.7})]
    assert told(sides, (ONE, ONE)) == ""
    assert "They were not sampled alike: temperature differs." in told(sides, (ONE, ONE), tries="train")


def test_a_measurement_of_a_training_and_an_evaluation_are_held_against_each_other() -> None:
    sides = [side("A", validation={"temperature": 0.2}), side("B", kind="evaluate", evaluation={"temperature": 0.2})]
    assert told(sides, (ONE, ONE)) == ""
    sides = [side("A"), side("B", kind="evaluate", evaluation={"max_steps": 12})]
    assert "max_steps: 8 (A); 12 (B)" in told(sides, (ONE, ONE))


def test_other_treatment_of_faults_and_many_lost_tries_are_told() -> None:
    sides = [side("A"), side("B", rollout={"retries": 0})]
    lost = Cell(successes=1, tries=18, faults=3, lost=2)
    words = told(sides, (Cell(successes=1, tries=100, faults=3, lost=3), lost))
    assert "They treat infrastructure faults differently." in words and "rollout.retries: 2 (A); 0 (B)" in words
    assert "B: 2 tries lost for good, beside 18 scored" in words and "A: 3" not in words


def test_other_lengths_and_runs_under_way_are_told() -> None:
    words = told([side("A", 100), side("B", 40, ended=False)], (ONE, ONE))
    assert "They did not train for equally many steps. 1 is still under way" in words
    assert "B: step 40, still under way" in words
    evaluations = [side("A", 1, kind="evaluate"), side("B", 2, kind="evaluate")]
    assert told(evaluations, (ONE, ONE)) == ""


def test_settings_that_differ_are_told_from_the_baseline_on() -> None:
    configs = [config(seed=1), config(seed=2, algorithm={"kind": "grpo"}), config(seed=1)]
    found = {setting.path: setting for setting in differing(configs, baseline=1)}
    assert found["seed"].pairs == [("1", True), ("2", False), ("1", True)]
    assert found["algorithm.kind"].values == ("arpo", "grpo", "arpo")
    assert found["algorithm.replay.enabled"].values[1] == "not there"
    assert "title" not in found and "optimizer.lr" not in found


def test_runs_are_grouped_by_a_setting_or_by_all_but_the_seed() -> None:
    configs = [config(seed=1), config(seed=2), config(seed=1, optimizer={"lr": 3e-6})]
    assert grouped(configs, "seed") == ["1", "2", "1"]
    assert grouped(configs, "no.such") == ["not there"] * 3
    first, second, third = grouped(configs, BUT_SEED)
    assert first == second != third == "optimizer.lr = 3e-06"
    assert grouped(configs[:2], BUT_SEED) == ["equal settings"] * 2
