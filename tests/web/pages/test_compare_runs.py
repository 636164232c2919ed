"""Two to twenty runs beside each other: what is said, drawn and exported, and who may see which runs."""

from __future__ import annotations

import csv
import io
from html import unescape

import pytest
from django.test import Client

from tests.web.builders import make_team
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, rich_run, titled_run
from tests.web.pages.test_task_matrix import Tries, page_of, tried
from webapp.accounts.models import Role, Team, User
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def logged(owner: User, team: Team, name: str, level: float, tasks: Tries, **config: object) -> Run:
    """A run that tried these tasks and logged the numbers of forty steps."""
    run = tried(owner, team, name, tasks, **config)
    engine = Engine.__new__(Engine)
    engine.__dict__.update(run=run, attempt=run.attempts.get(), total_steps=40, lines=[], pictures={})
    engine.seq, engine.at = engine.attempt.last_seq, engine.attempt.started_at or run.created_at
    for step in range(1, 41):
        engine.finish_step(step, level + 0.001 * step)
    engine.deliver()
    run.refresh_from_db()
    return run


@pytest.fixture
def old(runner: User, team: Team) -> Run:
    return logged(runner, team, "Old", 0.1, {"mail": [0] * 20, "notes": [0, 1], "gone": [0]}, seed=1)


@pytest.fixture
def new(runner: User, team: Team) -> Run:
    tasks: Tries = {"mail": [1] * 20, "notes": [0, 1], "fresh": [1]}
    return logged(runner, team, "New", 0.5, tasks, seed=2, optimizer={"lr": 3e-6})


def table(client: Client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_the_page_says_numbers_differences_settings_and_what_to_be_careful_of(
    as_runner: Client, old: Run, new: Run
) -> None:
    page = page_of(as_runner, f"/compare/?runs={old.pk},{new.pk}")
    assert "2 runs compared" in page
    assert "not of the same tasks: 2 of 4 shared" in page
    assert "Solved, the 2 tasks that all tried" in page
    # mail and notes: 1 of 22 and 21 of 22.
    assert "4.5 % (1/22)" in page and "95.5 % (21/22)" in page and "+90.9 points" in page
    assert ">clear<" in page and "95 % interval: Wilson; difference: Newcombe" in page
    assert "2 settings differ" in page and "<code>optimizer.lr</code>" in page
    assert "Reward of a rollout" in page and "batch means" in page
    assert page.index("mail</a>") < page.index("notes</a>")


def test_the_baseline_is_the_first_run_until_another_is_starred(as_runner: Client, old: Run, new: Run) -> None:
    address = f"/compare/?runs={old.pk},{new.pk}"
    assert "−90.9 points" not in page_of(as_runner, address)
    assert f"?runs={old.pk}%2C{new.pk}&baseline={new.pk}" in page_of(as_runner, address)
    assert "−90.9 points" in page_of(as_runner, f"{address}&baseline={new.pk}")


def test_runs_may_be_named_in_any_of_the_usual_ways(as_runner: Client, old: Run, new: Run) -> None:
    for words in (f"runs={old.pk}&runs={new.pk}", f"run={old.pk}&run={new.pk}", f"runs={old.pk},{new.pk},{old.pk}"):
        assert "2 runs compared" in page_of(as_runner, f"/compare/?{words}")


def test_one_run_or_more_than_twenty_are_answered_with_a_word_and_a_choice(
    as_runner: Client, runner: User, team: Team, old: Run
) -> None:
    answer = as_runner.get(f"/compare/?runs={old.pk}")
    assert answer.status_code == 422 and "One run is named; comparing takes 2 to 20" in answer.content.decode()
    many = ",".join(titled_run(runner, team, f"Run {number}").pk for number in range(21))
    answer = as_runner.get(f"/compare/?runs={many}")
    assert answer.status_code == 422 and "21 runs are named" in answer.content.decode()
    assert "Choose runs" in page_of(as_runner, "/compare/")


def test_runs_of_others_are_counted_and_never_named(
    as_runner: Client, as_stranger: Client, stranger: User, old: Run, new: Run
) -> None:
    blues = stranger.memberships.get().team
    secret = titled_run(stranger, blues, "Secret name")
    page = page_of(as_runner, f"/compare/?runs={old.pk},{secret.pk},{new.pk},nothing00000")
    assert "2 of the runs in this address are not there, or not yours to see" in page
    assert "Secret name" not in page
    for address in ("/compare/?runs=", "/compare/chart/?key=train/reward&runs=", "/compare/figure.json?key=a&runs=",
                    "/compare/summary.csv?runs=", "/tasks/?runs=", "/tasks/history/?task=mail&runs=",
                    "/tasks/history/figure/?task=mail&runs="):  # fmt: skip
        assert as_stranger.get(f"{address}{old.pk},{new.pk}").status_code == 404, address
        assert Client().get(f"{address}{old.pk},{new.pk}").status_code == 302, address


def test_a_chart_has_a_line_for_each_run_on_one_axis(as_runner: Client, old: Run, new: Run) -> None:
    address = f"/compare/figure.json?runs={old.pk},{new.pk}&key=train/reward"
    lines = as_runner.get(f"{address}&smooth=0").json()["figure"]["data"]
    assert [line["name"] for line in lines] == ["Old", "New"]
    assert lines[0]["x"] == list(range(1, 41)) and lines[0]["line"]["color"] != ""
    smoothed = as_runner.get(f"{address}&smooth=0.9").json()["figure"]["data"]
    assert [line["name"] for line in smoothed] == ["Old, raw", "Old", "New, raw", "New"]
    for x in ("episodes", "relative", "wall"):
        data = as_runner.get(f"{address}&x={x}").json()
        assert not data["empty"], x
    assert as_runner.get(f"{address}&x=episodes&smooth=0").json()["figure"]["data"][0]["x"][:2] == [16.0, 32.0]
    counted = as_runner.get(f"{address}&x=env_steps").json()
    assert counted["empty"] and counted["try_x"] == "step"


def test_runs_are_grouped_by_a_setting(as_runner: Client, runner: User, team: Team, old: Run, new: Run) -> None:
    third = logged(runner, team, "Third", 0.3, {"mail": [1]}, seed=3)
    ids = f"{old.pk},{new.pk},{third.pk}"
    data = as_runner.get(f"/compare/figure.json?runs={ids}&key=train/reward&group=optimizer.lr").json()
    assert [line["name"] for line in data["figure"]["data"]] == [
        "0.00025 (2 runs), spread", "0.00025 (2 runs)", "3e-06 (1 run)",
    ]  # fmt: skip
    assert "mean ± 1 standard deviation" in data["note"]
    page = page_of(as_runner, f"/compare/?runs={ids}&group=optimizer.lr")
    assert '<option value="optimizer.lr" selected>' in page and "All settings but the seed" in page


def test_everything_can_be_taken_as_csv(as_runner: Client, old: Run, new: Run) -> None:
    runs = f"runs={old.pk},{new.pk}"
    summary = table(as_runner, f"/compare/summary.csv?{runs}")
    shared = next(row for row in summary if row["run"] == new.pk and row["number"].startswith("Solved, the 2"))
    assert (shared["successes"], shared["tries"], shared["interval"]) == ("21", "22", "wilson")
    assert float(shared["difference"]) == pytest.approx(20 / 22)
    settings = table(as_runner, f"/compare/settings.csv?{runs}")
    assert [row["setting"] for row in settings] == ["seed", "optimizer.lr"]
    tasks = table(as_runner, f"/compare/tasks.csv?{runs}")
    assert {(row["task"], row["name"], row["tries"]) for row in tasks} >= {("mail", "Old", "20"), ("fresh", "New", "1")}
    curves = table(as_runner, f"/compare/curves.csv?{runs}&key=train/reward")
    assert len(curves) == 80 and {row["key"] for row in curves} == {"train/reward"}
    assert table(as_runner, f"/compare/history.csv?{runs}&task=mail")[0]["tries"] == "20"
    assert as_runner.get(f"/compare/secrets.csv?{runs}").status_code == 404


def test_a_name_that_a_spreadsheet_would_run_is_taken_as_text(as_runner: Client, runner: User, team: Team) -> None:
    first, second = (tried(runner, team, f"=cmd({number})", {"mail": [1]}) for number in (1, 2))
    rows = table(as_runner, f"/compare/summary.csv?runs={first.pk},{second.pk}")
    assert {row["name"] for row in rows} == {"'=cmd(1)", "'=cmd(2)"}


@pytest.mark.parametrize(
    "words",
    ["x=nonsense&smooth=many&group=%01&key=%01", "key=" + "k" * 3000, "baseline='--&when=x&tries=x&faults=x&sort=x",
     "from=1e999&to=-1", "page=99999999999999999999&by=x", "group=<script>alert(1)</script>"],
)  # fmt: skip
def test_nonsense_in_the_address_is_the_default_and_no_error(as_runner: Client, old: Run, new: Run, words: str) -> None:
    ids = f"runs={old.pk},{new.pk}"
    assert "<script>alert" not in page_of(as_runner, f"/compare/?{ids}&{words}")
    assert "<script>alert" not in page_of(as_runner, f"/tasks/?{ids}&{words}")
    assert as_runner.get(f"/compare/figure.json?{ids}&key=train/reward&{words}").status_code in (200, 404)


@pytest.mark.parametrize("runs", ["%01", "../../etc/passwd", "ü" * 12, "'; DROP TABLE runs_run", "," * 50, "a" * 9000])
def test_ids_that_are_none_are_no_error(as_runner: Client, old: Run, runs: str) -> None:
    for address in ("/compare/", "/tasks/", "/compare/summary.csv", "/compare/figure.json"):
        assert as_runner.get(f"{address}?runs={runs}&key=a").status_code in (200, 404, 422), address


def test_text_from_outside_is_escaped(as_runner: Client, runner: User, team: Team) -> None:
    evil = '"><script>alert(1)<script>'
    runs = [tried(runner, team, f"{evil}{number}", {evil: [1]}) for number in (1, 2)]
    ids = ",".join(run.pk for run in runs)
    for address in (f"/compare/?runs={ids}", f"/tasks/?runs={ids}", f"/compare/chart/?runs={ids}&key={evil}"):
        assert "<script>alert(1)" not in as_runner.get(address).content.decode()
    history = as_runner.get("/tasks/history/", {"runs": ids, "task": evil})
    assert history.status_code == 200 and "<script>alert(1)" not in history.content.decode()


def test_runs_of_two_teams_of_the_same_person_can_be_compared(
    as_runner: Client, runner: User, team: Team, old: Run
) -> None:
    blues, _ = make_team("Blues")
    blues.memberships.create(user=runner, role=Role.RUNNER)
    other = tried(runner, blues, "Elsewhere", {"mail": [1]})
    assert "2 runs compared" in page_of(as_runner, f"/compare/?runs={old.pk},{other.pk}")


def test_a_person_without_a_team_is_sent_home(as_person: SignIn, db: None) -> None:
    nomad = User.objects.create_user(username="nomad", password="correct horse battery")
    for address in ("/compare/", "/tasks/"):
        assert as_person(nomad).get(address).status_code == 302


def test_the_api_answers_with_the_same_numbers(as_runner: Client, as_stranger: Client, old: Run, new: Run) -> None:
    ids = f"runs={old.pk}&runs={new.pk}"
    matrix = as_runner.get(f"/api/v1/matrix?{ids}").json()
    assert [column["name"] for column in matrix["columns"]] == ["Old", "New"]
    mail = matrix["rows"][0]
    assert mail["task"] == "mail" and [cell["successes"] for cell in mail["cells"]] == [0, 20]
    assert matrix["shared"] == 2
    steps = as_runner.get(f"/api/v1/matrix?runs={old.pk}&by=steps").json()
    assert steps["columns"][0]["first_step"] == 1
    compared = as_runner.get(f"/api/v1/compare?{ids}&baseline={new.pk}").json()
    assert compared["baseline"] == new.pk and "2 of 4 shared" in compared["notes"][0]
    assert [setting["path"] for setting in compared["settings"]] == ["seed", "optimizer.lr"]
    assert compared["summary"][0]["runs"][0]["difference"] == pytest.approx(-20 / 22)
    for address in ("/api/v1/matrix", "/api/v1/compare"):
        assert as_stranger.get(f"{address}?{ids}").status_code == 404
        assert Client().get(f"{address}?{ids}").status_code == 401
        assert as_runner.get(address).status_code == 422
    assert as_runner.get(f"/api/v1/compare?runs={old.pk}").status_code == 422
    assert as_runner.get(f"/api/v1/matrix?{ids}&sort=best").status_code == 422


def test_a_comparison_of_runs_that_did_nothing_yet_says_so(as_runner: Client, runner: User, team: Team) -> None:
    ids = ",".join(titled_run(runner, team, name).pk for name in ("A", "B"))
    page = unescape(as_runner.get(f"/compare/?runs={ids}").content.decode())
    assert "Nothing was measured yet" in page and "None of these runs logged a number yet" in page


def test_a_run_with_everything_fits_both_pages(as_runner: Client, rich: Run, runner: User, team: Team) -> None:
    other, _ = rich_run(runner, team, "Other", steps=3, finished=True)
    page = page_of(as_runner, f"/compare/?runs={rich.pk},{other.pk}")
    assert "They did not train for equally many steps" in page
    assert 'class="held"' in page_of(as_runner, f"/tasks/?runs={rich.pk}&tries=train")
