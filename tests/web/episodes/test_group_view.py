"""One group: what the columns, rows and bars say, worked out by hand."""

from __future__ import annotations

import pytest

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Click, Finished
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.episodes.group_list import group_visible_to
from webapp.episodes.group_view import Align, Board, board, steps_of, verdict_of
from webapp.episodes.models import Group, GroupMember
from webapp.episodes.pictures import pictures_of
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

WAYS = {
    "r0": [(10, 10), (50, 50), (90, 90)],
    "r1": [(10, 10), (50, 50), (10, 90), (20, 20)],
    "r2": [(10, 10), (90, 10)],
    "r3": [(10, 10), (50, 50), (90, 90)],
}


def tell(engine: Engine, scores: dict[str, float], **group: object) -> None:
    for name, way in WAYS.items():
        engine.note(
            wire.EpisodeStarted(
                episode_id=name, group_id="g", task_id="t", instruction="Do it", split=Split.TRAIN, step=1, desktop="d",
                evaluator="exact_match(vm_file)",
            ),
            *(
                wire.EpisodeStepTaken(episode_id=name, index=index, action=Click(x=x, y=y), raw_text="", frame=None)
                for index, (x, y) in enumerate(way)
            ),
            wire.EpisodeStepTaken(episode_id=name, index=len(way), action=Finished(), raw_text=""),
            wire.EpisodeEnded(
                episode_id=name, ended_by=EndedBy.FINISHED, score=scores[name], reward=scores[name], format_reward=0.0,
                steps=len(way) + 1, tokens=7,
            ),
        )  # fmt: skip
    mean = sum(scores.values()) / len(scores)
    members = [
        wire.GroupMember(episode_id=name, reward=score, advantage=score - mean) for name, score in scores.items()
    ]
    told = {"members": members, "zero_gradient": len(set(scores.values())) == 1, **group}
    engine.say(wire.GroupCollected(group_id="g", step=1, task_id="t", **told))


def shown(person: User, run: Run, align: Align = "step", reference: str = "", siblings: bool = False) -> Board:
    group = group_visible_to(person, run, "g")
    assert group is not None
    steps = steps_of([member.episode for member in group.members.all() if member.episode])
    pictures = pictures_of(run, {step.frame for own in steps.values() for step in own})
    return board(group, steps, pictures, align, reference, compares_siblings=siblings)


@pytest.fixture
def engine(runner: User, team: Team) -> Engine:
    engine = Engine(titled_run(runner, team))
    engine.start()
    return engine


def test_every_try_is_compared_with_the_best_one_unless_another_is_named(engine: Engine, viewer: User) -> None:
    tell(engine, {"r0": 0.0, "r1": 1.0, "r2": 0.0, "r3": 0.0})
    columns = shown(viewer, engine.run).columns
    assert [column.reference for column in columns] == [False, True, False, False]
    assert [column.parted for column in columns] == [2, None, 1, 2]
    named = shown(viewer, engine.run, reference="r0").columns
    assert [column.parted for column in named] == [None, 2, 1, None]
    assert [one.reference for one in shown(viewer, engine.run, reference="nobody").columns].index(True) == 1


def test_rows_are_steps_or_begin_a_little_before_the_tries_part(engine: Engine, viewer: User) -> None:
    tell(engine, {"r0": 0.0, "r1": 1.0, "r2": 0.0, "r3": 0.0})
    by_step = shown(viewer, engine.run)
    assert [row.name for row in by_step.rows] == ["Step 1", "Step 2", "Step 3", "Step 4", "Step 5"]
    assert [cell.index if cell else None for cell in by_step.rows[3].cells] == [3, 3, None, 3]
    parted = shown(viewer, engine.run, "divergence")
    # r0 parts at its third step, r2 at its second: both stand in the second row, one step after they begin.
    assert [column.alike for column in parted.columns] == [1, 0, 0, 1]
    assert [bool(cell and cell.parts) for cell in parted.rows[1].cells] == [True, False, True, True]
    assert [cell.index if cell else None for cell in parted.rows[1].cells] == [2, 1, 1, 2]


def test_a_group_says_why_it_teaches_nothing(engine: Engine, viewer: User) -> None:
    tell(engine, dict.fromkeys(WAYS, 0.0))
    assert shown(viewer, engine.run).verdict == "all failed"
    assert verdict_of(Group(zero_gradient=True), [1.0, 1.0]) == "all passed"
    assert verdict_of(Group(zero_gradient=True), [0.5, 1.0]) == "all alike"
    assert verdict_of(Group(zero_gradient=False), [0.0, 1.0]) == ""


def rescue(engine: Engine, before: list[float | None], told: float | None) -> None:
    source = wire.Injection(
        source_episode_id="old", source_step=0, source_weight_version=0, replaced_episode_id="r0", advantage_before=told
    )
    rows = [("old", 1.0, 1.5, source), ("r1", 0.0, -0.5, None), ("r2", 0.0, -0.5, None), ("r3", 0.0, -0.5, None)]
    members = [
        wire.GroupMember(episode_id=name, reward=reward, advantage=advantage, injected=injected, advantage_before=value)
        for (name, reward, advantage, injected), value in zip(rows, before, strict=True)
    ]
    tell(engine, dict.fromkeys(WAYS, 0.0), members=members, zero_gradient=False)


def test_the_advantages_before_replay_stand_beside_those_after(engine: Engine, viewer: User) -> None:
    rescue(engine, [-0.2, 0.1, 0.1, 0.0], told=-0.2)
    group = shown(viewer, engine.run)
    assert [column.before for column in group.columns] == [-0.2, 0.1, 0.1, 0.0]
    assert [column.member.advantage for column in group.columns] == [1.5, -0.5, -0.5, -0.5]
    assert (group.verdict, group.bar_full) == ("rescued", 1.5)
    assert (group.solved, group.scored) == (0, 3)  # what replay put in is no try of this step
    assert GroupMember.objects.filter(advantage_before=-0.2).count() == 1


def test_of_an_older_engine_only_what_follows_is_said(engine: Engine, viewer: User) -> None:
    rescue(engine, [None] * 4, told=0.3)
    # All were rewarded alike, so all had what the first one had.
    assert [column.before for column in shown(viewer, engine.run).columns] == [0.3] * 4


def test_without_any_word_equal_rewards_mean_no_advantage_only_where_siblings_are_compared(
    engine: Engine, viewer: User
) -> None:
    rescue(engine, [None] * 4, told=None)
    assert [column.before for column in shown(viewer, engine.run).columns] == [None] * 4
    assert [column.before for column in shown(viewer, engine.run, siblings=True).columns] == [0.0] * 4


def test_a_fault_is_no_try_and_the_rows_of_a_lost_member_are_empty(engine: Engine, viewer: User) -> None:
    engine.episode("gone", "t", 1, None, group="g", fault=Fault.DESKTOP_LOST)
    tell(engine, {"r0": 1.0, "r1": 0.0, "r2": 0.0, "r3": 0.0}, faults=1)
    group = shown(viewer, engine.run)
    assert (group.solved, group.scored) == (1, 4)
    GroupMember.objects.filter(episode_key="r2").update(episode=None)
    assert [row.cells[2] for row in shown(viewer, engine.run).rows] == [None] * 5
