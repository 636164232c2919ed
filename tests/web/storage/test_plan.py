"""The rules as arithmetic: what goes, what stays, and why."""

from __future__ import annotations

from typing import Any

import pytest

from webapp.storage.plan import Amount, CheckpointFacts, Part, Rules, RunFacts, plan_of, plan_run
from webapp.storage.templatetags.storage import days, in_bytes


def run(**changes: Any) -> RunFacts:
    fields: dict[str, Any] = {
        "run_id": "a", "name": "A", "age_days": 50.0, "pinned": False, "frames": Amount(10, 1000),
        "thinnable": Amount(6, 600), "events": 7, "checkpoints": (),
    }  # fmt: skip
    return RunFacts(**(fields | changes))


def at(step: int, **changes: Any) -> CheckpointFacts:
    fields: dict[str, Any] = {
        "pk": step, "step": step, "attempt": 1, "paths": (f"checkpoints/step-{step}",), "size": 100, "best": False,
        "needed_by": "", "here": True,
    }  # fmt: skip
    return CheckpointFacts(**(fields | changes))


def test_before_its_day_a_run_keeps_everything_and_on_it_it_does_not() -> None:
    rules = Rules(frame_days=50, event_days=50)
    assert plan_run(run(age_days=49.99), rules).removals == ()
    assert [one.part for one in plan_run(run(), rules).removals] == [Part.FRAMES, Part.EVENTS]


def test_screenshots_are_thinned_first_and_later_all_go() -> None:
    rules = Rules(thin_days=10, frame_days=60)
    (thin,) = plan_run(run(), rules).removals
    assert (thin.part, thin.amount) == (Part.THIN, Amount(6, 600))
    (all_of_them,) = plan_run(run(age_days=60), rules).removals
    assert (all_of_them.part, all_of_them.amount) == (Part.FRAMES, Amount(10, 1000))


def test_no_rule_deletes_nothing() -> None:
    assert plan_run(run(age_days=9999, checkpoints=(at(1), at(2))), Rules()).removals == ()
    assert Rules().first_day is None and Rules(thin_days=9, frame_days=20).first_day == 9


def test_a_pinned_run_loses_nothing_and_is_counted_as_kept() -> None:
    plan = plan_of([run(pinned=True), run(run_id="b", name="B")], Rules(frame_days=30))
    assert (plan.size, plan.runs, plan.pinned) == (1000, 1, 1)
    assert plan.kept[0].what == "10 screenshots"


def test_a_pin_that_protects_nothing_is_not_counted() -> None:
    assert plan_of([run(pinned=True, frames=Amount())], Rules(frame_days=30)).pinned == 0


def test_the_best_the_latest_and_those_that_runs_start_from_stay() -> None:
    checkpoints = (at(1), at(2, best=True), at(3, needed_by="the run B"), at(4), at(5, here=False), at(6), at(7))
    plan = plan_run(run(checkpoints=checkpoints), Rules(checkpoint_days=7, keep_last=2))
    (going,) = plan.removals
    assert [one.step for one in going.checkpoints] == [4, 1] and going.amount == Amount(2, 200)
    assert {one.what: one.why for one in plan.kept} == {
        "checkpoint at step 7": "among the latest 2",
        "checkpoint at step 6": "among the latest 2",
        "checkpoint at step 5": "not inside the run's folder on this machine",
        "checkpoint at step 3": "the run B starts from it",
        "checkpoint at step 2": "the best one",
    }


@pytest.mark.parametrize("path", ["checkpoints", "checkpoints/step-9", "checkpoints/step-9/export"])
def test_a_folder_that_holds_or_is_held_by_one_that_stays_stays_too(path: str) -> None:
    plan = plan_run(run(checkpoints=(at(9), at(1, paths=(path,)))), Rules(checkpoint_days=7))
    assert plan.removals == () and "shares its folder" in plan.kept[1].why


def test_bytes_and_days_are_said_as_people_say_them() -> None:
    said = [in_bytes(size) for size in (0, 999, 1000, 3_240_000, 41_000_000_000, 2_500_000_000_000)]
    assert said == ["0 B", "999 B", "1 kB", "3.2 MB", "41 GB", "2.5 TB"]
    assert [days(one) for one in (None, 1, 30)] == ["never", "after 1 day", "after 30 days"]


def archived(**changes: Any) -> RunFacts:
    fields = {"archived_days": 20.0, "folder": Amount(12, 5000), "checkpoints": (at(1), at(2, best=True))}
    return run(**(fields | changes))


def test_the_folder_of_an_archived_run_goes_whole_and_its_checkpoints_with_it() -> None:
    rules = Rules(folder_days=20, checkpoint_days=7)
    (going,) = plan_run(archived(), rules).removals
    assert (going.part, going.amount) == (Part.FOLDER, Amount(12, 5000))


@pytest.mark.parametrize("changes", [{"archived_days": None}, {"archived_days": 19.9}, {"folder": Amount()}])
def test_a_run_that_is_not_long_enough_in_the_archive_keeps_its_folder(changes: dict[str, Any]) -> None:
    assert plan_run(archived(**changes), Rules(folder_days=20)).removals == ()


def test_a_folder_that_something_starts_from_stays_and_loses_no_more_than_its_other_rules_say() -> None:
    plan = plan_run(archived(folder_needed_by="the run B"), Rules(folder_days=20, checkpoint_days=7))
    assert (plan.kept[0].what, plan.kept[0].why) == ("its folder", "the run B starts from it")
    assert Part.FOLDER not in {one.part for one in plan.removals}


def test_a_pin_keeps_the_folder_of_an_archived_run() -> None:
    plan = plan_of([archived(pinned=True)], Rules(folder_days=1))
    assert (plan.removals, plan.pinned) == ((), 1) and "files of the archived run's folder" in plan.kept[0].what
