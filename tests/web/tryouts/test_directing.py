"""Directions: who may give them, what the contract lets through, how they reach the engine and are settled."""

from __future__ import annotations

from typing import Any

import pytest

from arpo_engine.contract.config import RunConfig
from tests.web.builders import make_person
from tests.web.pages.factories import Engine
from tests.web.pages.tryouts import begun, changed
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.api.ingest import ingest
from webapp.runs.errors import RunRefused
from webapp.runs.models import Run, RunEvent
from webapp.runs.services import create_run
from webapp.tryouts import services
from webapp.tryouts.models import Direction, Tryout
from webapp.tryouts.services import TryoutRefused
from webapp.tryouts.services.directing import MOST_A_SECOND

pytestmark = pytest.mark.django_db


def act(**action: Any) -> dict[str, Any]:
    return {"kind": "act", "action": {"kind": "click", "x": 30, "y": 20} | action}


def test_a_click_reaches_the_engine_once_and_is_settled_when_it_says_so(runner: User, team: Team) -> None:
    engine = begun(runner, team)
    services.direct(run=engine.run, actor=runner, words=act())

    answer, _ = ingest(engine.attempt, [])
    again, _ = ingest(engine.attempt, [])

    assert [(one.number, one.kind, one.by) for one in answer.directions] == [(1, "act", "ruth")]
    sent = answer.directions[0].model_dump()
    assert sent["action"] == {"kind": "click", "x": 30, "y": 20, "button": "left", "count": 1}
    assert again.directions == answer.directions
    engine.say(changed(taken=1))
    settled, _ = ingest(engine.attempt, [])
    assert settled.directions == []
    assert Direction.objects.get().taken_at is not None


def test_numbers_rise_and_what_was_refused_keeps_its_reason(runner: User, team: Team) -> None:
    engine = begun(runner, team)
    for words in (act(), {"kind": "step"}, {"kind": "instruct", "text": "Now open Mail"}):
        services.direct(run=engine.run, actor=runner, words=words)
    engine.say(changed(taken=2, refused="the episode is over; start over"))

    rows = list(Direction.objects.order_by("number").values_list("number", "kind", "refused"))
    assert rows == [(1, "act", ""), (2, "step", "the episode is over; start over"), (3, "instruct", "")]
    assert Direction.objects.get(number=3).taken_at is None


def test_everybody_hears_of_a_direction_but_only_great_ones_are_audited(runner: User, team: Team) -> None:
    engine = begun(runner, team)
    for words in (act(), {"kind": "restart"}, {"kind": "finish"}):
        services.direct(run=engine.run, actor=runner, words=words)

    told = list(RunEvent.objects.filter(kind="TryoutDirected").values_list("data__words", "data__by"))
    assert told == [("click 30, 20", "ruth"), ("start over", "ruth"), ("score and end", "ruth")]
    audited = set(AuditEntry.objects.filter(object_id=engine.run.pk).values_list("action", flat=True))
    assert audited == {"run.created", "tryout.restarted", "tryout.finished"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"kind": "explode"}, "kind"),
        ({"kind": ""}, "kind"),
        (act(x=5000), "x is 5000, and the screen has 224 pixels"),
        (act(y=-1), "y is -1"),
        (act(x="here"), "action"),
        (act(x=10**30), "action"),
        (act(count=9), "action"),
        ({"kind": "act", "action": None}, "action"),
        ({"kind": "act", "action": {"kind": "type", "text": "a" * 100_000}}, "give at most"),
        ({"kind": "act", "action": {"kind": "type", "text": "\x1b[2J"}}, "no keyboard types"),
        ({"kind": "act", "action": {"kind": "hotkey", "keys": []}}, "action"),
        ({"kind": "act", "action": {"kind": "hotkey", "keys": [""]}}, "is no key"),
        ({"kind": "instruct", "text": "   "}, "text"),
        ({"kind": "instruct", "text": "a" * 5000}, "text"),
        ({"kind": "restart", "task": "a" * 500}, "task"),
    ],
)
def test_what_is_no_direction_is_told_and_nothing_is_sent(
    runner: User, team: Team, words: dict[str, Any], says: str
) -> None:
    engine = begun(runner, team)
    with pytest.raises(TryoutRefused) as refused:
        services.direct(run=engine.run, actor=runner, words=words)
    assert says in str(refused.value)
    assert refused.value.status == 422
    assert not Direction.objects.exists()


def test_a_viewer_and_a_stranger_direct_nothing(runner: User, viewer: User, stranger: User, team: Team) -> None:
    engine = begun(runner, team)
    for person in (viewer, stranger):
        for service in (services.take_over, services.keep, services.unkeep):
            with pytest.raises(PermissionRefused):
                service(run=engine.run, actor=person)
        with pytest.raises(PermissionRefused):
            services.direct(run=engine.run, actor=person, words={"kind": "go"})
    assert not Direction.objects.exists()


def test_one_has_the_control_until_another_takes_it_over(runner: User, team: Team) -> None:
    engine, anna = begun(runner, team), make_person("anna", team, Role.RUNNER)
    with pytest.raises(TryoutRefused, match="ruth has the control"):
        services.direct(run=engine.run, actor=anna, words={"kind": "go"})

    assert services.take_over(run=engine.run, actor=anna) == "You have the control now; ruth looks on."
    services.direct(run=engine.run, actor=anna, words={"kind": "go"})
    with pytest.raises(TryoutRefused, match="anna has the control"):
        services.direct(run=engine.run, actor=runner, words={"kind": "hold"})

    assert RunEvent.objects.get(kind="TryoutControl").data == {"by": "anna", "before": "ruth"}
    assert AuditEntry.objects.filter(action="tryout.taken_over", actor=anna).count() == 1
    assert services.take_over(run=engine.run, actor=anna) == "You have the control already."


def test_too_many_at_once_are_refused_and_none_is_lost(runner: User, team: Team) -> None:
    engine = begun(runner, team)
    for _ in range(MOST_A_SECOND):
        services.direct(run=engine.run, actor=runner, words=act())
    with pytest.raises(TryoutRefused, match="within a second") as refused:
        services.direct(run=engine.run, actor=runner, words=act())
    assert refused.value.status == 429
    Direction.objects.update(at=engine.at.replace(year=2020))
    services.direct(run=engine.run, actor=runner, words=act())
    assert Direction.objects.count() == MOST_A_SECOND + 1


def test_nothing_is_directed_before_the_desktop_or_after_the_end(runner: User, team: Team) -> None:
    config = RunConfig.model_validate({"kind": "try"})
    run = services.start_tryout(owner=runner, team=team, config=config)
    with pytest.raises(TryoutRefused, match="not there yet"):
        services.direct(run=run, actor=runner, words={"kind": "go"})
    engine = Engine(run)
    engine.say(changed())
    engine.end()
    with pytest.raises(TryoutRefused, match="over"):
        services.direct(run=run, actor=runner, words={"kind": "go"})
    with pytest.raises(TryoutRefused, match="nothing to control"):
        services.take_over(run=run, actor=make_person("anna", team, Role.RUNNER))


def test_another_run_has_no_directions_and_takes_none(runner: User, team: Team, run: Run) -> None:
    with pytest.raises(TryoutRefused, match="no try-out"):
        services.direct(run=run, actor=runner, words={"kind": "go"})
    assert services.directions_for(run, 1) == []
    with pytest.raises(RunRefused, match="kind train"):
        services.start_tryout(owner=runner, team=team, config=RunConfig())


def test_what_was_meant_for_a_desktop_that_is_gone_is_not_done_on_the_next(runner: User, team: Team) -> None:
    engine = begun(runner, team)
    services.direct(run=engine.run, actor=runner, words=act())
    assert services.directions_for(engine.run, 2) == []
    engine.say(changed("over", note="the desktop was lost"))
    tryout = Tryout.objects.get()
    assert (tryout.state, tryout.said, tryout.attempt) == ("over", "the desktop was lost", 1)


def test_one_that_began_with_the_form_of_any_run_is_directed_by_its_owner(runner: User, team: Team) -> None:
    run = create_run(owner=runner, team=team, config=RunConfig.model_validate({"kind": "try"}))
    engine = Engine(run)
    engine.say(changed())
    services.direct(run=run, actor=runner, words={"kind": "go"})
    assert [one.kind for one in services.directions_for(run, 1)] == ["go"]
