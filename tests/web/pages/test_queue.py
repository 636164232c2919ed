"""The queue's page: its order, why each run waits, moving by step and by drag, two people at once, and who may."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import unquote

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from tests.web.builders import make_attempt, make_person, make_run
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import titled_run
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.runs.models import Run, RunEvent, RunStatus
from webapp.runs.planning_models import QueueHold, TeamQuota
from webapp.runs.queueing import state
from webapp.runs.queueing.rules import decide
from webapp.runs.services import set_priority, set_status

FETCH = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARPO_RUNS_AT_ONCE", "1")


@pytest.fixture
def maintainer(team: Team) -> User:
    return make_person("max", team, Role.MAINTAINER)


@pytest.fixture
def as_maintainer(as_person: SignIn, maintainer: User) -> Client:
    return as_person(maintainer)


@pytest.fixture
def three(runner: User, team: Team) -> list[Run]:
    """Runs A, B and C, queued in this order."""
    return [titled_run(runner, team, name) for name in "ABC"]


def order(team: Team) -> str:
    return "".join(run.name for run in state.in_order() if run.team_id == team.pk)


def seen(runs: list[Run]) -> str:
    return ",".join(run.pk for run in runs)


def move(client: Client, run: Run, runs: list[Run], **words: str) -> HttpResponse:
    return client.post("/runs/queue/move/", {"run": run.pk, "seen": seen(runs), **words}, headers=FETCH)


def explain() -> None:
    """What the dispatcher does when it looks and starts nothing."""
    queue = list(state.in_order())
    state.tell_reasons(queue, decide(state.as_waiting(queue), state.books_of(state.holding(), timezone.now())))


def running(run: Run, *, eta_s: float | None = None) -> Run:
    make_attempt(run)
    set_status(run, RunStatus.RUNNING, "Started")
    Run.objects.filter(pk=run.pk).update(eta_s=eta_s, progress_at=timezone.now() if eta_s else None)
    return run


def test_runs_stand_in_order_with_owner_desktops_and_the_reason(
    as_viewer: Client, runner: User, team: Team, three: list[Run]
) -> None:
    running(three[0])
    explain()
    page = unescape(as_viewer.get("/runs/queue/").content.decode())
    assert "2 waiting" in page
    assert page.index(">B</a>") < page.index(">C</a>")
    assert "1 run is under way and 1 may be at once (ARPO_RUNS_AT_ONCE)" in page
    assert "data-step" not in page and "Pause the queue" not in page, "a viewer changes nothing"


def test_an_empty_queue_says_so_and_offers_the_next_thing(as_runner: Client) -> None:
    page = as_runner.get("/runs/queue/").content.decode()
    assert "Nothing waits" in page and "/runs/new/" in page


def test_a_start_is_estimated_from_what_runs_and_unknown_where_nobody_knows(
    as_runner: Client, three: list[Run]
) -> None:
    running(three[0], eta_s=600.0)
    page = as_runner.get("/runs/queue/").content.decode()
    assert "in about 10 min" in page
    assert "it depends on a run whose end is not known" in page, "C waits for B, and nobody knows how long B takes"
    Run.objects.filter(pk=three[0].pk).update(eta_s=None)
    assert "in about" not in as_runner.get("/runs/queue/").content.decode()


def test_the_pace_of_finished_runs_of_the_preset_says_how_long_the_next_one_takes(
    as_runner: Client, runner: User, team: Team, three: list[Run]
) -> None:
    now = timezone.now()
    done = titled_run(runner, team, "Done")
    Run.objects.filter(pk=done.pk).update(
        status=RunStatus.FINISHED, step=10, started_at=now - timedelta(seconds=600), finished_at=now
    )
    Run.objects.filter(name__in="AB").update(total_steps=20, config_hash="x")
    running(three[0], eta_s=600.0)
    page = as_runner.get("/runs/queue/").content.decode()
    assert "in about 10 min" in page and "in about 30 min" in page, "B takes 20 steps of 60 s after A's ten minutes"


@pytest.mark.parametrize(
    ("which", "words", "after"),
    [
        (2, {"step": "up"}, "ACB"),
        (2, {"step": "top"}, "CAB"),
        (0, {"step": "down"}, "BAC"),
        (0, {"step": "bottom"}, "BCA"),
        (0, {"step": "up"}, "ABC"),
    ],
)
def test_a_maintainer_moves_a_run_by_steps(
    as_maintainer: Client, team: Team, three: list[Run], which: int, words: dict[str, str], after: str
) -> None:
    answer = move(as_maintainer, three[which], three, **words)
    assert (answer.status_code, order(team)) == (200, after)


def test_a_run_is_dragged_before_another_and_to_the_end(as_maintainer: Client, team: Team, three: list[Run]) -> None:
    answer = move(as_maintainer, three[2], three, before=three[0].pk)
    assert unquote(answer["X-Said"]) == "C is at place 1 of the team's 3."
    assert order(team) == "CAB"
    move(as_maintainer, three[2], [three[2], three[0], three[1]], before="")
    assert order(team) == "ABC"


def test_a_move_is_audited_and_on_the_runs_timeline(as_maintainer: Client, maintainer: User, three: list[Run]) -> None:
    move(as_maintainer, three[2], three, step="top")
    assert AuditEntry.objects.get(action="run.moved").actor == maintainer
    told = RunEvent.objects.get(run=three[2], kind="QueueMoved").data["reason"]
    assert told == "max moved it to place 1 of the team's 3"
    assert told in unescape(as_maintainer.get(f"/runs/{three[2].pk}/timeline/").content.decode())


def test_a_run_that_is_moved_among_urgent_ones_takes_their_priority(
    as_maintainer: Client, team: Team, maintainer: User, three: list[Run]
) -> None:
    set_priority(run=three[0], actor=maintainer, priority=5)
    answer = move(as_maintainer, three[2], three, step="top")
    assert order(team) == "CAB" and "with priority 5" in unquote(answer["X-Said"])
    move(as_maintainer, three[2], [three[2], three[0], three[1]], step="bottom")
    assert order(team) == "ABC"
    assert Run.objects.get(name="C").priority == 0


def test_a_move_leaves_the_places_of_other_teams_alone(
    as_maintainer: Client, team: Team, runner: User, stranger: User
) -> None:
    first = titled_run(runner, team, "A")
    blues = Team.objects.get(name="Blues")
    titled_run(stranger, blues, "foreign")
    second, third = titled_run(runner, team, "B"), titled_run(runner, team, "C")
    move(as_maintainer, third, [first, second, third], step="top")
    assert [run.name for run in state.in_order()] == ["C", "foreign", "A", "B"]
    page = as_maintainer.get("/runs/queue/").content.decode()
    assert "foreign" not in page and "4 with those of other teams" in page and "(3 of all)" in page


def test_the_second_of_two_people_gets_the_queue_as_it_is_and_nothing_is_lost(
    as_maintainer: Client, as_person: SignIn, team: Team, three: list[Run]
) -> None:
    other = as_person(make_person("mia", team, Role.MAINTAINER))
    move(as_maintainer, three[2], three, step="top")
    answer = move(other, three[1], three, step="top")
    assert answer.status_code == 409 and answer["X-Refreshed"] == "1"
    assert "The queue changed meanwhile; here it is" in unquote(answer["X-Said"])
    assert order(team) == "CAB", "what the first one did stands"
    fresh = re.search(r'data-seen="([^"]+)"', answer.content.decode())
    assert fresh is not None
    again = other.post("/runs/queue/move/", {"run": three[1].pk, "seen": fresh.group(1), "step": "top"}, headers=FETCH)
    assert (again.status_code, order(team)) == (200, "BCA"), "and the second one's move can be made again"


def test_runs_that_came_or_left_meanwhile_do_not_stand_in_the_way(
    as_maintainer: Client, team: Team, runner: User, three: list[Run]
) -> None:
    running(three[0])
    titled_run(runner, team, "D")
    assert move(as_maintainer, three[2], three, step="up").status_code == 200
    assert order(team) == "CBD"


def test_a_run_that_started_meanwhile_is_not_moved(as_maintainer: Client, three: list[Run]) -> None:
    running(three[0])
    answer = move(as_maintainer, three[0], three, step="bottom")
    assert answer.status_code == 409 and "does not wait any more" in unquote(answer["X-Said"])
    gone = move(as_maintainer, three[1], three, before=three[0].pk)
    assert gone.status_code == 409 and "stand before does not wait any more" in unquote(gone["X-Said"])


def test_without_scripts_a_stale_form_shows_the_page_with_the_reason(as_maintainer: Client, three: list[Run]) -> None:
    words = {"run": three[0].pk, "seen": seen([*reversed(three)]), "step": "bottom"}
    answer = as_maintainer.post("/runs/queue/move/", words)
    assert answer.status_code == 409 and "The queue changed meanwhile" in answer.content.decode()


@pytest.mark.parametrize(
    "words",
    [
        {"step": "sideways"},
        {"step": ""},
        {"before": "nobody\x00"},
        {"run": "'; DROP TABLE runs_run; --", "step": "up"},
        {"run": "\x00", "step": "up"},
        {"seen": "," * 50_000, "step": "up"},
        {},
    ],
)
def test_hostile_words_are_refused_and_move_nothing(
    as_maintainer: Client, team: Team, three: list[Run], words: dict[str, str]
) -> None:
    answer = as_maintainer.post("/runs/queue/move/", {"run": three[0].pk, "seen": seen(three), **words}, headers=FETCH)
    assert answer.status_code in (200, 409)
    assert order(team) == "ABC"


def test_a_nul_character_breaks_no_button(as_maintainer: Client, team: Team, three: list[Run]) -> None:
    for address, words in (
        ("priority/", {"run": "\x00", "priority": "1"}),
        ("cancel/", {"run": ["\x00"]}),
        ("put-back/", {"runs": "\x00"}),
        ("pause/", {"reason": "a\x00b"}),
    ):
        assert as_maintainer.post(f"/runs/queue/{address}", words).status_code < 500
    form = {"c.title": "a\x00b", "tags": "\x00", "clone": "\x00", "sweep": "\x00", "when": "cron", "cron": "\x00"}
    assert as_maintainer.post("/runs/new/", form).status_code == 422
    preset = {"name": "a\x00b", "story": "\x00", "yaml": "seed: 1\x00", "locked": ["\x00"]}
    assert as_maintainer.post("/runs/presets/new/", preset).status_code < 500
    assert as_maintainer.get("/runs/presets/new/?run=%00").status_code == 400
    assert order(team) == "ABC"


def test_runners_and_viewers_do_not_change_the_order(
    as_runner: Client, as_viewer: Client, team: Team, three: list[Run]
) -> None:
    for client in (as_runner, as_viewer):
        answer = move(client, three[2], three, step="top")
        assert answer.status_code == 403 and "role maintainer or higher" in unquote(answer["X-Said"])
        for button in ("pause", "release"):
            assert client.post(f"/runs/queue/{button}/", headers=FETCH).status_code == 403
        words = {"run": three[0].pk, "priority": "9"}
        assert client.post("/runs/queue/priority/", words, headers=FETCH).status_code == 403
    assert order(team) == "ABC"


def test_the_queue_of_another_team_is_out_of_reach(as_stranger: Client, team: Team, three: list[Run]) -> None:
    assert "A</a>" not in as_stranger.get("/runs/queue/").content.decode()
    assert move(as_stranger, three[2], three, step="top").status_code == 409
    assert as_stranger.post("/runs/queue/priority/", {"run": three[0].pk, "priority": "9"}).status_code == 404
    assert as_stranger.post("/runs/queue/cancel/", {"run": [three[0].pk]}, headers=FETCH).status_code == 409
    assert order(team) == "ABC"


def test_a_priority_is_set_and_a_bad_one_is_named(as_maintainer: Client, team: Team, three: list[Run]) -> None:
    for word in ("much", "1000", "", "1e3"):
        refused = as_maintainer.post("/runs/queue/priority/", {"run": three[2].pk, "priority": word}, headers=FETCH)
        assert refused.status_code == 409 and "from -100 to 100" in unquote(refused["X-Said"])
    as_maintainer.post("/runs/queue/priority/", {"run": three[2].pk, "priority": "7"}, headers=FETCH)
    assert order(team) == "CAB"


def test_chosen_runs_are_taken_out_each_with_its_own_right(
    as_runner: Client, maintainer: User, team: Team, three: list[Run]
) -> None:
    theirs = make_run(maintainer, team)
    ids = [three[0].pk, three[1].pk, theirs.pk, "nosuchrun"]
    answer = as_runner.post("/runs/queue/cancel/", {"run": ids}, headers=FETCH)
    said = unquote(answer["X-Said"])
    assert said.startswith("2 runs taken out") and "1 not: A run: To stop this run you need the role maintainer" in said
    assert order(team) == "C" + theirs.name
    nothing = as_runner.post("/runs/queue/cancel/", {}, headers=FETCH)
    assert nothing.status_code == 409 and "No run was chosen" in unquote(nothing["X-Said"])


def test_what_was_taken_out_is_put_back_into_its_place(as_runner: Client, team: Team, three: list[Run]) -> None:
    answer = as_runner.post("/runs/queue/cancel/", {"run": [three[0].pk, three[1].pk]}, headers=FETCH)
    assert order(team) == "C"
    back = as_runner.post("/runs/queue/put-back/", {"runs": answer["X-Undo"]}, headers=FETCH)
    assert (back.status_code, order(team)) == (200, "ABC")
    again = as_runner.post("/runs/queue/put-back/", {"runs": answer["X-Undo"]}, headers=FETCH)
    assert again.status_code == 409 and "done already" in unquote(again["X-Said"])


def test_what_was_taken_out_long_ago_or_by_right_of_others_is_not_put_back(
    as_runner: Client, as_viewer: Client, as_stranger: Client, team: Team, three: list[Run]
) -> None:
    ids = ",".join(run.pk for run in three)
    as_runner.post("/runs/queue/cancel/", {"run": ids.split(",")}, headers=FETCH)
    for client in (as_viewer, as_stranger):
        assert client.post("/runs/queue/put-back/", {"runs": ids}, headers=FETCH).status_code == 409
    Run.objects.update(status_at=timezone.now() - timedelta(minutes=5))
    assert as_runner.post("/runs/queue/put-back/", {"runs": ids}, headers=FETCH).status_code == 409
    assert order(team) == ""


def test_while_the_engine_is_away_no_start_is_promised(as_viewer: Client, three: list[Run]) -> None:
    Run.objects.update(status_reason="Waiting: there is no Ray cluster yet")
    page = as_viewer.get("/runs/queue/").content.decode()
    assert "there is no Ray cluster yet" in page and "what starts runs cannot be reached" in page
    assert "any moment" not in page


def test_cancelling_never_stops_a_run_that_has_started_meanwhile(as_runner: Client, three: list[Run]) -> None:
    running(three[0])
    answer = as_runner.post("/runs/queue/cancel/", {"run": [three[0].pk]}, headers=FETCH)
    assert answer.status_code == 409 and "does not wait any more" in unquote(answer["X-Said"])
    assert Run.objects.get(pk=three[0].pk).status == RunStatus.RUNNING


def test_a_paused_queue_says_who_and_why_and_starts_nothing(
    as_maintainer: Client, as_viewer: Client, team: Team, three: list[Run]
) -> None:
    as_maintainer.post("/runs/queue/pause/", {"reason": "driver <b>upgrade</b>"})
    assert decide(state.as_waiting(list(state.in_order())), state.books_of([], timezone.now()))[0].starts is False
    page = as_viewer.get("/runs/queue/").content.decode()
    assert "The queue is paused" in page and "driver &lt;b&gt;upgrade&lt;/b&gt;" in page
    assert "the team&#x27;s queue is paused by max" in page, "each run says so too"
    assert "paused already" in as_maintainer.post("/runs/queue/pause/", follow=True).content.decode()
    too_long = as_maintainer.post("/runs/queue/pause/", {"reason": "x" * 300})
    assert too_long.status_code == 409
    as_maintainer.post("/runs/queue/release/")
    assert not QueueHold.objects.exists()
    assert AuditEntry.objects.filter(action__in=["queue.paused", "queue.released"]).count() == 2


def test_paused_runs_are_listed_with_the_step_they_go_on_from(as_viewer: Client, three: list[Run]) -> None:
    Run.objects.filter(pk=three[0].pk).update(status=RunStatus.PAUSED, step=7, status_reason="Paused after step 7")
    page = as_viewer.get("/runs/queue/").content.decode()
    assert "Paused after step 7" in page and "goes on from there" in page


def test_the_gauges_say_what_the_quota_leaves(as_viewer: Client, team: Team, three: list[Run]) -> None:
    TeamQuota.objects.create(team=team, desktops=64, concurrent_runs=2)
    running(three[0])
    page = as_viewer.get("/runs/queue/").content.decode()
    assert "<b>1</b> of 2" in page and "<b>48</b> of 64" in page and "no quota" in page


def test_a_team_of_nobody_has_no_queue(as_person: SignIn, db: None) -> None:
    lonely = as_person(make_person("lou"))
    assert lonely.get("/runs/queue/").status_code == 200
    assert lonely.post("/runs/queue/pause/").status_code == 404
