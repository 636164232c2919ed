"""Success rates say n/N and an interval everywhere, and which way faults are counted; the choice is the person's."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from arpo_engine.contract import events as wire
from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.outcomes import Split
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.runs.counting import counting_of, rates_of, rates_of_each
from webapp.runs.models import Checkpoint, Run
from webapp.runs.planning_models import Sweep
from webapp.runs.rates import Faults, Rate


def test_a_rate_says_its_denominator_and_how_sure_it_is() -> None:
    rate = Rate(successes=27, attempts=72, faults=8)
    assert (rate.text, rate.interval_text) == ("37.5 % (27/72)", "27.2 – 49.0 %")
    counted = Rate(successes=27, attempts=72, faults=8, counting=Faults.FAILURES)
    assert (counted.text, counted.interval_text) == ("33.8 % (27/80)", "24.3 – 44.6 %")


def test_nothing_tried_is_no_rate_unless_everything_was_lost() -> None:
    assert (Rate(successes=0, attempts=0, faults=4).text, Rate(successes=0, attempts=0).interval_text) == ("–", "–")
    lost = Rate(successes=0, attempts=0, faults=4, counting=Faults.FAILURES)
    assert lost.text == "0.0 % (0/4)"


def test_the_address_wins_over_the_page_and_the_page_over_the_preference() -> None:
    def asked(address: str, kept: str = "", page: str = "") -> Faults:
        request = RequestFactory().get(address, headers={"HX-Current-URL": page} if page else {})
        request.user = User(preferences={"faults": kept} if kept else {})
        return counting_of(request)

    assert asked("/") is Faults.LEFT_OUT
    assert asked("/", kept="failures") is Faults.FAILURES
    assert asked("/", kept="failures", page="http://x/?faults=left-out") is Faults.LEFT_OUT
    assert asked("/?faults=failures", page="http://x/?faults=left-out") is Faults.FAILURES
    assert asked("/?faults=nonsense", kept="more nonsense", page="not an address") is Faults.LEFT_OUT


@pytest.fixture
def faulty(runner: User, team: Team) -> Run:
    """A run whose last step solved 4 of 16 and lost 3, and whose held-out measurement lost 6 of 30."""
    run = titled_run(runner, team)
    engine = Engine(run)
    engine.start()
    for step, lost in ((1, 5), (2, 2)):
        key = engine.group(step, 0, "settings-dark-mode", [0.0, 1.0])
        engine.note(wire.GroupCollected(group_id=f"{key}x", step=step, task_id="t", members=[], zero_gradient=True,
                                        faults=lost))  # fmt: skip
        engine.note(wire.GroupCollected(group_id=f"{key}y", step=step, task_id="u", members=[], zero_gradient=True,
                                        faults=1))  # fmt: skip
        engine.finish_step(step, success=0.25)
    nothing = Figures()
    feasible = Figures(tasks=6, attempts=24, successes=12, faults=6, success=0.5, interval=(0.31, 0.69))
    engine.say(
        wire.ValidationFinished(
            step=2, split=Split.HELD_OUT, successes=12, attempts=24, faults=6,
            figures=Report(feasible=feasible, infeasible=nothing, together=nothing),
        )
    )  # fmt: skip
    run.refresh_from_db()
    return run


@pytest.mark.django_db
def test_the_head_and_the_measurements_follow_the_switch(as_viewer: Client, faulty: Run) -> None:
    out = as_viewer.get(f"/runs/{faulty.pk}/").content.decode()
    assert "25.0 % (4/16)" in out and "50.0 % (12/24)" in out and "31.4 – 68.6 %" in out
    counted = as_viewer.get(f"/runs/{faulty.pk}/?faults=failures").content.decode()
    assert "21.1 % (4/19)" in counted and "40.0 % (12/30)" in counted
    assert "faults count as failures in success" in counted and "faults are in none" in out
    assert 'aria-pressed="true">counted as failures' in counted and 'aria-pressed="true">left out' in out


@pytest.mark.django_db
def test_sweeps_artifacts_and_lineage_follow_the_switch(
    as_viewer: Client, faulty: Run, runner: User, team: Team
) -> None:
    sweep = Sweep.objects.create(team=team, owner=runner, name="seeds", axes=[])
    Run.objects.filter(pk=faulty.pk).update(sweep=sweep)
    saved = Checkpoint.objects.create(run=faulty, attempt=1, step=2, path="checkpoints/step-2")
    child = titled_run(runner, team, "Measured", kind="evaluate")
    Run.objects.filter(pk=child.pk).update(parent=faulty, from_checkpoint=saved, successes=2, attempts_count=4)
    Engine(child).say(wire.ValidationFinished(step=0, split=Split.EVALUATION, successes=2, attempts=4, faults=4))
    for address, out, counted in (
        (f"/runs/sweeps/{sweep.pk}/", ("(4/16)", "(12/24)"), ("(4/19)", "(12/30)")),
        (f"/runs/{faulty.pk}/artifacts/", ("(12/24)",), ("(12/30)",)),
        (f"/runs/{faulty.pk}/config/", ("(2/4)",), ("(2/8)",)),
    ):
        left_out = as_viewer.get(address).content.decode()
        as_failures = as_viewer.get(f"{address}?faults=failures").content.decode()
        assert all(text in left_out for text in out), address
        assert all(text in as_failures for text in counted), address
        assert "counted as failures</button>" in left_out, address


@pytest.mark.django_db
def test_many_runs_are_counted_by_as_many_questions_as_one(faulty: Run, runner: User, team: Team) -> None:
    many = [faulty, *(titled_run(runner, team, f"Run {number}") for number in range(5))]
    with CaptureQueriesContext(connection) as asked:
        rates = rates_of_each(many, Faults.FAILURES)
    assert len(asked) == 2
    assert (rates[faulty.pk]["success"].faults, rates[faulty.pk]["held_out"].faults) == (3, 6)
    with CaptureQueriesContext(connection) as asked:
        rates_of_each(many, Faults.LEFT_OUT)
    assert len(asked) == 0


@pytest.mark.django_db
def test_a_fragment_counts_as_the_page_around_it_does(as_viewer: Client, faulty: Run) -> None:
    page = {"HX-Current-URL": f"http://testserver/runs/{faulty.pk}/?faults=failures", "HX-Request": "true"}
    for part in ("head", "measurements"):
        assert "(12/30)" in as_viewer.get(f"/runs/{faulty.pk}/{part}/", headers=page).content.decode(), part


@pytest.mark.django_db
def test_an_evaluation_counts_what_its_measurements_lost(runner: User, team: Team) -> None:
    run = titled_run(runner, team, kind="evaluate")
    engine = Engine(run)
    engine.say(
        wire.ValidationFinished(step=0, split=Split.EVALUATION, tasks="train", successes=1, attempts=2, faults=3),
        wire.ValidationFinished(step=0, split=Split.EVALUATION, tasks="held_out", successes=1, attempts=2, faults=4),
    )
    run.refresh_from_db()
    assert rates_of(run, Faults.FAILURES)["success"].faults == 7
    assert rates_of(run, Faults.LEFT_OUT)["success"].faults == 0


@pytest.mark.django_db
def test_the_choice_is_kept_for_the_person_and_stands_in_the_address(
    as_viewer: Client, as_person: SignIn, faulty: Run, viewer: User, runner: User
) -> None:
    page = f"/runs/{faulty.pk}/groups/?step=2&faults=left-out"
    answer = as_viewer.post("/preferences/faults/", {"faults": "failures", "next": page})
    assert (answer.status_code, answer["Location"]) == (302, f"/runs/{faulty.pk}/groups/?step=2&faults=failures")
    viewer.refresh_from_db()
    assert viewer.preferences == {"faults": "failures"}
    assert "21.1 % (4/19)" in as_person(viewer).get(f"/runs/{faulty.pk}/").content.decode()
    assert "25.0 % (4/16)" in as_person(runner).get(f"/runs/{faulty.pk}/").content.decode()


@pytest.mark.django_db
def test_hostile_choices_lead_nowhere_else(as_viewer: Client, viewer: User) -> None:
    answer = as_viewer.post("/preferences/faults/", {"faults": "failures", "next": "https://evil.example/"})
    assert answer["Location"] == "/runs/?faults=failures"
    refused = as_viewer.post("/preferences/faults/", {"faults": "<script>", "next": "/runs/"})
    assert refused.status_code == 422 and "left-out or failures" in refused.content.decode()
    assert as_viewer.get("/preferences/faults/").status_code == 405
    assert Client().post("/preferences/faults/", {"faults": "failures"}).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(viewer)
    assert strict.post("/preferences/faults/", {"faults": "left-out"}).status_code == 403
    viewer.refresh_from_db()
    assert viewer.preferences == {"faults": "failures"}
