"""The matrix of tasks: its cells and what they open, its orders, who may see which runs, and the way to a new run."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from tests.web.builders import envelopes
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.analysis.models import SeenTask
from webapp.api.ingest import ingest
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


Tries = dict[str, list[float | None]]
"""Task to the scores of its tries."""


def tried(owner: User, team: Team, name: str, tasks: Tries, **config: Any) -> Run:
    """A run that tried these tasks; None is a try that was lost to a fault."""
    run = titled_run(owner, team, name, **config)
    engine = Engine(run)
    engine.start()
    split = Split.EVALUATION if run.kind == "evaluate" else Split.TRAIN
    for task, scores in tasks.items():
        for place, score in enumerate(scores):
            fault = Fault.DESKTOP_LOST if score is None else None
            engine.episode(f"{task}-{place}", task, 1, score, split=split, fault=fault)
    engine.deliver()
    return run


@pytest.fixture
def old(runner: User, team: Team) -> Run:
    return tried(runner, team, "Old", {"mail": [1, 1, 1, 1], "notes": [0, 1], "files": [0, 0, None], "never": [0]})


@pytest.fixture
def new(runner: User, team: Team) -> Run:
    return tried(runner, team, "New", {"mail": [0, 0, 0, 0], "notes": [1, 0], "files": [0, 0], "fresh": [1]})


def page_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


def rows_of(page: str) -> list[str]:
    """The tasks in the order of the page."""
    return [part.split('"')[0] for part in page.split('name="task" value="')[1:]]


def test_each_cell_says_successes_of_tries_and_opens_its_episodes(as_runner: Client, old: Run, new: Run) -> None:
    page = page_of(as_runner, f"/tasks/?runs={old.pk},{new.pk}")
    address = f"/runs/{old.pk}/episodes/?task_id=mail&split=train"
    assert f'href="{address}" title="100.0 % (4/4), 95 % interval 51.0 – 100.0 %"' in page
    assert page_of(as_runner, address).count("/episodes/mail-") == 4
    assert "0/2" in page and "1 lost to infrastructure faults" in page
    assert "not tried" in page


def test_without_runs_in_the_address_the_newest_of_the_team_are_shown(as_runner: Client, old: Run, new: Run) -> None:
    page = page_of(as_runner, "/tasks/")
    assert "5 tasks, 2 runs" in page
    # Time goes from left to right.
    assert page.index(f'title="Old ({old.pk})"') < page.index(f'title="New ({new.pk})"')


@pytest.mark.parametrize(
    ("order", "first"),
    [("disagreement", "mail"), ("regression", "mail"), ("variance", "notes"), ("never_solved", "files"),
     ("task", "files")],
)  # fmt: skip
def test_rows_stand_in_the_order_that_is_asked_for(
    as_runner: Client, old: Run, new: Run, order: str, first: str
) -> None:
    assert rows_of(page_of(as_runner, f"/tasks/?runs={old.pk},{new.pk}&sort={order}"))[0] == first


def test_sums_say_which_tasks_can_be_compared(as_runner: Client, old: Run, new: Run) -> None:
    page = page_of(as_runner, f"/tasks/?runs={old.pk},{new.pk}")
    # mail, notes and files: 5 of 8 and 1 of 8.
    assert "The 3 that all of them tried" in page and "compare these" in page
    assert '<b>62.5 %</b><span class="muted">5/8</span>' in page
    assert '<b>12.5 %</b><span class="muted">1/8</span>' in page


def test_infrastructure_faults_are_left_out_or_count_as_failures_and_the_page_says_which(
    as_runner: Client, old: Run
) -> None:
    out = page_of(as_runner, f"/tasks/?runs={old.pk}")
    assert "infrastructure faults left out." in out and "0.0 % (0/2)" in out
    counted = page_of(as_runner, f"/tasks/?runs={old.pk}&faults=failures")
    assert "infrastructure faults counted as failures." in counted and "0.0 % (0/3)" in counted
    assert "hatched" in out and "hatched" in counted


def test_what_a_person_chose_for_faults_elsewhere_holds_here_and_the_choice_is_kept(
    as_runner: Client, runner: User, old: Run, new: Run
) -> None:
    runner.preferences = {"faults": "failures"}
    runner.save()
    for page in (f"/tasks/?runs={old.pk}", f"/compare/?runs={old.pk},{new.pk}"):
        assert "infrastructure faults counted as failures." in page_of(as_runner, page)
        assert "infrastructure faults left out." in page_of(as_runner, f"{page}&faults=left-out")
    now = f"http://testserver/tasks/?runs={old.pk}&sort=task"
    answer = as_runner.post("/preferences/faults/", {"faults": "left-out", "next": "/tasks/"}, HTTP_REFERER=now)
    assert answer.headers["Location"] == f"{now}&faults=left-out"
    assert "infrastructure faults left out." in page_of(as_runner, f"/tasks/?runs={old.pk}")


def test_infeasible_tasks_stand_apart_and_are_in_no_sum(as_runner: Client, runner: User, team: Team) -> None:
    run = tried(runner, team, "Both kinds", {"mail": [1]})
    attempt = run.attempts.get()
    begun = wire.EpisodeStarted(
        episode_id="x", task_id="cannot", instruction="?", infeasible=True, split=Split.TRAIN, step=1, desktop="d"
    )
    ended = wire.EpisodeEnded(episode_id="x", ended_by=EndedBy.FAILED_BY_AGENT, score=0.0)
    ingest(attempt, envelopes([begun, ended], first_seq=attempt.last_seq + 1))
    page = page_of(as_runner, f"/tasks/?runs={run.pk}")
    assert "1 task, 1 run" in page
    assert page.index("Infeasible tasks, apart") < page.index('value="cannot"')
    assert '<b>100.0 %</b><span class="muted">1/1</span>' in page


def stepped(owner: User, team: Team) -> Run:
    """A run that tried one task in forty steps, and learned it half way."""
    run = titled_run(owner, team, "Learner")
    engine = Engine(run)
    engine.start()
    for step in range(1, 41):
        engine.episode(f"e{step}", "mail", step, float(step > 20))
    engine.note(wire.ReplayChanged(step=25, size=1, admitted={"mail": ["e25"]}, stock={"mail": 1}))
    engine.deliver()
    return run


def test_one_run_is_shown_over_its_steps_and_a_cell_opens_the_episodes_of_these(
    as_runner: Client, runner: User, team: Team
) -> None:
    run = stepped(runner, team)
    page = page_of(as_runner, f"/tasks/?runs={run.pk}&by=steps")
    assert "Learner over its steps" in page and "</span>20-24</th>" in page
    address = f"/runs/{run.pk}/episodes/?task_id=mail&split=train&step=20&until=24"
    assert f'href="{address}" title="80.0 % (4/5)' in page
    episodes = page_of(as_runner, address)
    assert episodes.count("/episodes/e2") == 5 and 'name="until" value="24"' in episodes
    # Remembered at step 25, so the buffer holds it from that stretch on.
    assert page.count('class="held"') == 1 + 4
    assert 'class="held"' not in page[page.index("&step=20&") : page.index("&step=25&")]


def test_the_late_part_of_a_run_can_be_looked_at_alone(as_runner: Client, runner: User, team: Team) -> None:
    run = stepped(runner, team)
    assert "50.0 % (20/40)" in page_of(as_runner, f"/tasks/?runs={run.pk}")
    late = page_of(as_runner, f"/tasks/?runs={run.pk}&when=late")
    assert "100.0 % (8/8)" in late and "&step=33&until=40" in late


def test_tasks_are_found_by_word_and_by_domain(as_runner: Client, old: Run) -> None:
    SeenTask.objects.filter(run=old, task_id="mail").update(domain="thunderbird", instruction="Write to Anna")
    assert rows_of(page_of(as_runner, f"/tasks/?runs={old.pk}&search=anna+write")) == ["mail"]
    assert rows_of(page_of(as_runner, f"/tasks/?runs={old.pk}&domain=thunderbird")) == ["mail"]
    nothing = page_of(as_runner, f"/tasks/?runs={old.pk}&search=gimp")
    assert "No task matches" in nothing and "Show all tasks" in nothing


def test_runs_are_found_by_the_query_language_of_their_list_beside_those_that_are_named(
    as_runner: Client, old: Run, new: Run, runner: User, team: Team
) -> None:
    third = tried(runner, team, "Third", {"mail": [1]}, seed=7)
    found = page_of(as_runner, "/tasks/?q=name:old")
    assert "4 tasks, 1 run" in found and "1 run found by the query." in found and f"({new.pk})" not in found
    both = page_of(as_runner, f"/tasks/?runs={third.pk}&q=name:old,new")
    assert [both.index(f"({run.pk})") for run in (third, old, new)] == sorted(
        both.index(f"({run.pk})") for run in (third, old, new)
    )
    assert "2 runs found by the query." in both and f'value="{old.pk}" checked' not in both
    again = page_of(as_runner, f"/tasks/?runs={old.pk}&q=seed=7")
    assert f"({third.pk})" in again and f'name="back" value="{old.pk},{third.pk}"' in again
    assert "The query finds no run beside" in page_of(as_runner, f"/tasks/?runs={old.pk}&q=name:old")


def test_a_query_that_finds_no_run_says_so_and_leads_back(as_runner: Client, old: Run) -> None:
    page = page_of(as_runner, "/tasks/?q=tag:nowhere&sort=task")
    assert "No run matches" in page and "tag:nowhere" in page and 'href="?sort=task"' in page


@pytest.mark.parametrize(
    ("query", "words"),
    [("status:<b>", "&lt;b&gt;"), ("helt_out>0.5", "Use held_out"), ('"open', "This query cannot be read"),
     ("step:nine", "This query cannot be read"), ("x" * 1200, "This query cannot be read")],
)  # fmt: skip
def test_a_query_that_cannot_be_read_is_answered_with_the_place_and_the_cure(
    as_runner: Client, old: Run, query: str, words: str
) -> None:
    answer = as_runner.get("/tasks/", {"q": query, "runs": old.pk})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page and 'id="matrix"' in page and "<b>&quot;" not in page and "Show all runs" in page


def test_a_query_finds_no_run_of_another_team(as_stranger: Client, as_runner: Client, old: Run) -> None:
    assert old.pk not in page_of(as_stranger, "/tasks/?q=name:old")
    assert as_stranger.get(f"/tasks/?q=name:old&runs={old.pk}").content.decode().count(f"({old.pk})") == 0
    assert f"({old.pk})" in page_of(as_runner, "/tasks/?q=name:old")


def test_a_query_for_more_runs_than_there_are_columns_shows_the_newest_and_says_so(
    as_runner: Client, runner: User, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.analysis.chosen.MOST_RUNS", 2)
    runs = [tried(runner, team, f"Sweep {place}", {"mail": [1]}) for place in range(3)]
    page = page_of(as_runner, "/tasks/?q=sweep")
    assert "The query finds more runs than fit: 2, the newest, are shown." in page
    assert f"({runs[0].pk})" not in page
    assert page.index(f"({runs[1].pk})") < page.index(f"({runs[2].pk})")


def test_many_tasks_come_in_pages_that_are_ordered_as_a_whole(as_runner: Client, runner: User, team: Team) -> None:
    scores: Tries = {f"task-{number:03d}": [0] for number in range(130)}
    run = tried(runner, team, "Many", scores | {"task-120": [1, 0]})
    first = page_of(as_runner, f"/tasks/?runs={run.pk}&sort=variance")
    assert len(rows_of(first)) == 100 and rows_of(first)[0] == "task-120"
    assert "page 1 of 2" in first and "page=2" in first
    assert len(rows_of(page_of(as_runner, f"/tasks/?runs={run.pk}&sort=variance&page=2"))) == 30
    assert "page 2 of 2" in page_of(as_runner, f"/tasks/?runs={run.pk}&page=99999")


def test_the_history_of_a_task_says_who_solved_it_and_when(as_runner: Client, old: Run, new: Run) -> None:
    address = f"/tasks/history/?task=notes&runs={old.pk},{new.pk}"
    page = page_of(as_runner, address)
    assert "Old" in page and page.count("50.0 % (1/2)") == 2 and page.count("first at step 1") == 2
    assert f"/runs/{old.pk}/episodes/notes-1/" in page and "Newest that did not solve it" in page
    assert "not tried" in page_of(as_runner, f"/tasks/history/?task=fresh&runs={old.pk},{new.pk}")
    fragment = as_runner.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment and "data-chart-panel" in fragment
    figure = as_runner.get(f"/tasks/history/figure/?task=notes&runs={old.pk},{new.pk}").json()
    assert [line["name"] for line in figure["figure"]["data"]] == ["Old", "New"]
    assert as_runner.get(f"/tasks/history/?task=nothing&runs={old.pk}").status_code == 404


def test_chosen_tasks_open_the_form_of_a_run_like_the_one_they_were_chosen_from(
    as_runner: Client, old: Run, new: Run
) -> None:
    words = {"task": ["mail"], "cell": [f"{new.pk} files", f"{new.pk} mail", f"{old.pk} notes"], "run": old.pk}
    answer = as_runner.post("/tasks/choose/", words)
    assert answer.status_code == 302 and answer["Location"] == f"/runs/new/?clone={new.pk}&tasks=mail%2Cfiles%2Cnotes"
    form = page_of(as_runner, answer["Location"])
    assert '["mail", "files", "notes"]</textarea>' in form
    assert '<a href="#f-tasks.only">tasks.only</a>' in form


def test_a_long_list_of_tasks_waits_in_the_session(as_runner: Client, runner: User, team: Team) -> None:
    tasks = [f"{number:03d}-a-task-with-a-long-name-that-takes-room" for number in range(200)]
    run = tried(runner, team, "Many", {tasks[0]: [1]})
    answer = as_runner.post("/tasks/choose/", {"task": tasks, "run": run.pk})
    assert answer["Location"] == f"/runs/new/?clone={run.pk}&tasks=kept"
    assert tasks[199] in page_of(as_runner, answer["Location"])


def test_an_evaluation_measures_the_chosen_tasks(as_runner: Client, runner: User, team: Team) -> None:
    run = tried(runner, team, "Measured", {"mail": [1], "notes": [0]}, kind="evaluate", evaluation={"tasks": 1})
    answer = as_runner.post("/tasks/choose/", {"task": ["notes"], "run": run.pk})
    form = page_of(as_runner, answer["Location"])
    assert '<a href="#f-evaluation.select">evaluation.select</a>' in form and '["notes"]</textarea>' in form
    assert '<a href="#f-evaluation.tasks">evaluation.tasks</a></code><del>1</del> → <ins>none</ins>' in form


def test_held_out_tasks_are_never_practised(as_runner: Client, old: Run) -> None:
    engine_attempt = old.attempts.get()
    begun = wire.EpisodeStarted(
        episode_id="h", task_id="kept-apart", instruction="?", split=Split.HELD_OUT, step=1, desktop="d"
    )
    ended = wire.EpisodeEnded(episode_id="h", ended_by=EndedBy.FINISHED, score=0.0)
    ingest(engine_attempt, envelopes([begun, ended], first_seq=engine_attempt.last_seq + 1))
    answer = as_runner.post("/tasks/choose/", {"task": ["mail", "kept-apart"], "run": old.pk}, follow=True)
    assert "1 of 2 chosen tasks are no training tasks of Old" in unescape(answer.content.decode())
    assert '["mail"]</textarea>' in unescape(answer.content.decode())
    alone = as_runner.post("/tasks/choose/", {"task": ["kept-apart"], "run": old.pk}, follow=True)
    assert "None of these is a training task of Old" in unescape(alone.content.decode())


def test_a_viewer_looks_and_starts_nothing(as_viewer: Client, old: Run) -> None:
    page = page_of(as_viewer, f"/tasks/?runs={old.pk}")
    assert "New run with these tasks" not in page and 'name="task"' not in page
    answer = as_viewer.post("/tasks/choose/", {"task": ["mail"], "run": old.pk}, follow=True)
    assert "A viewer cannot start runs" in unescape(answer.content.decode())


def test_choosing_nothing_or_too_much_or_from_others_is_answered(
    as_runner: Client, stranger: User, old: Run, runner: User
) -> None:
    nothing = as_runner.post("/tasks/choose/", {"run": old.pk, "back": old.pk}, follow=True)
    assert "No task is chosen" in unescape(nothing.content.decode())
    secret = titled_run(stranger, stranger.memberships.get().team, "Secret")
    assert as_runner.post("/tasks/choose/", {"task": ["a"], "run": secret.pk}).status_code == 404
    assert as_runner.post("/tasks/choose/", {"task": ["\x00", "a"], "cell": ["\x00"], "run": "\x00"}).status_code == 404
    assert as_runner.get("/tasks/choose/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(runner)
    assert strict.post("/tasks/choose/", {"task": ["mail"], "run": old.pk}).status_code == 403


@pytest.mark.parametrize("tasks", [",,,", "a" * 5000, "'; --", "kept"])
def test_strange_tasks_in_the_forms_address_are_no_error(as_runner: Client, old: Run, tasks: str) -> None:
    assert as_runner.get(f"/runs/new/?clone={old.pk}&tasks={tasks}").status_code == 200


def test_before_any_run_the_page_says_what_will_be_here(as_runner: Client) -> None:
    assert "No run has tried a task yet" in page_of(as_runner, "/tasks/")


def test_a_run_that_has_not_begun_says_when_it_will_be_here(as_runner: Client, runner: User, team: Team) -> None:
    assert "Nothing was tried yet" in page_of(as_runner, f"/tasks/?runs={titled_run(runner, team).pk}")


def test_more_runs_than_fit_are_told(as_runner: Client, runner: User, team: Team) -> None:
    ids = ",".join(titled_run(runner, team, f"Run {number}").pk for number in range(22))
    assert "names 22 runs; the first 20 are shown" in page_of(as_runner, f"/tasks/?runs={ids}")


def test_the_runs_of_another_team_are_not_there(as_runner: Client, as_person: SignIn, stranger: User, old: Run) -> None:
    assert as_person(stranger).get(f"/tasks/?runs={old.pk}").status_code == 404
    secret = titled_run(stranger, stranger.memberships.get().team, "Secret")
    page = page_of(as_runner, f"/tasks/?runs={old.pk},{secret.pk}")
    assert "1 of the runs in this address is not there, or not yours to see" in page and "Secret" not in page


def test_task_sets_and_the_matrix_are_tabs_of_one_page(as_runner: Client, old: Run) -> None:
    for address in ("/tasks/", "/task-sets/"):
        page = page_of(as_runner, address)
        assert 'href="/tasks/"' in page and 'href="/task-sets/"' in page
        assert '<a href="/tasks/" data-go="tasks" aria-current="page">Tasks</a>' in page
