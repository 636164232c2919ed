"""The run page: its head, its buttons by role, timeline, log and config; strangers see nothing."""

from __future__ import annotations

from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.figures import Figures, Report
from arpo_engine.contract.outcomes import Split
from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import Engine, in_status, rich_run, titled_run
from webapp.accounts.models import Role, Team, User
from webapp.runs.models import Run, RunStatus

PARTS = (
    "", "head/", "timeline/", "measurements/", "selection/", "log/", "config/", "fidelity/", "fidelity.md",
    "fidelity.json", "wall/", "replay/", "replay/panel/", "latest-episodes/", "groups/",
    "episodes/", "metrics/", "charts/", "figure.json?chart=success", "episodes/a1-s1-g0-r1/",
)  # fmt: skip


def test_every_part_opens_for_a_member_and_for_nobody_else(as_viewer: Client, as_stranger: Client, rich: Run) -> None:
    for part in PARTS:
        assert as_viewer.get(f"/runs/{rich.pk}/{part}").status_code == 200, part
        assert as_stranger.get(f"/runs/{rich.pk}/{part}").status_code == 404, part
        assert as_viewer.get(f"/runs/doesnotexist/{part}").status_code == 404, part


def test_the_head_tells_how_the_run_stands(as_runner: Client, rich: Run) -> None:
    page = as_runner.get(f"/runs/{rich.pk}/").content.decode()
    assert "2 / 20" in page
    assert "29.2 % (7/24)" in page
    assert "1 fault" in page
    assert f'data-cursor="{rich.last_cursor}"' in page


def test_a_viewer_has_no_buttons_and_is_refused(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/").content.decode()
    for word in ("stop", "pause", "force-stop", "edit"):
        assert f'action="/runs/{rich.pk}/{word}/"' not in page
        answer = as_viewer.post(f"/runs/{rich.pk}/{word}/", {"name": "x"}, headers={"HX-Request": "true"})
        assert answer.status_code == 403
    rich.refresh_from_db()
    assert (rich.status, rich.directive) == (RunStatus.RUNNING, "run")


def test_a_runner_stops_ones_own_run_but_not_anothers(as_person: SignIn, rich: Run, team: Team, runner: User) -> None:
    other = as_person(make_person("otto", team, Role.RUNNER))
    assert f'action="/runs/{rich.pk}/stop/"' not in other.get(f"/runs/{rich.pk}/").content.decode()
    assert other.post(f"/runs/{rich.pk}/stop/", headers={"HX-Request": "true"}).status_code == 403
    keeper = as_person(make_person("mia", team, Role.MAINTAINER))
    answer = keeper.post(f"/runs/{rich.pk}/stop/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "finishes%20this%20step" in answer.headers["X-Said"]
    assert 'data-status="stopping"' in answer.content.decode()


def test_a_second_stop_is_harmless_and_says_so(as_runner: Client, rich: Run) -> None:
    as_runner.post(f"/runs/{rich.pk}/stop/")
    again = as_runner.post(f"/runs/{rich.pk}/stop/", follow=True)
    assert "A stop was asked for already" in again.content.decode()


def test_a_stop_can_be_taken_back(as_runner: Client, rich: Run) -> None:
    as_runner.post(f"/runs/{rich.pk}/stop/")
    as_runner.post(f"/runs/{rich.pk}/keep-running/")
    rich.refresh_from_db()
    assert (rich.status, rich.directive) == (RunStatus.RUNNING, "run")
    late = as_runner.post(f"/runs/{rich.pk}/keep-running/", headers={"HX-Request": "true"})
    assert late.status_code == 409


def test_buttons_are_posts(as_runner: Client, rich: Run) -> None:
    for word in ("stop", "keep-running", "force-stop", "pause", "resume", "archive", "edit"):
        assert as_runner.get(f"/runs/{rich.pk}/{word}/").status_code == 405


def test_a_failed_run_shows_its_reason_and_the_way_on(as_runner: Client, runner: User, team: Team) -> None:
    made = in_status(titled_run(runner, team), RunStatus.FAILED, "model.path /none is not there")
    page = as_runner.get(f"/runs/{made.pk}/").content.decode()
    assert "model.path /none is not there" in page
    assert f'action="/runs/{made.pk}/resume/"' in page
    assert f"/runs/new/?clone={made.pk}" in page


def test_an_example_can_be_cloned_and_not_changed(as_runner: Client, rich: Run) -> None:
    Run.objects.filter(pk=rich.pk).update(is_example=True)
    page = as_runner.get(f"/runs/{rich.pk}/").content.decode()
    assert ">example<" in page
    assert f'action="/runs/{rich.pk}/stop/"' not in page
    assert f"/runs/new/?clone={rich.pk}" in page
    assert as_runner.post(f"/runs/{rich.pk}/stop/", headers={"HX-Request": "true"}).status_code == 409


def test_name_and_tags_are_changed_by_the_owner(as_runner: Client, rich: Run) -> None:
    as_runner.post(f"/runs/{rich.pk}/edit/", {"name": "Renamed", "tags": "good, keep"})
    rich.refresh_from_db()
    assert (rich.name, rich.tags) == ("Renamed", ["good", "keep"])


def test_the_timeline_speaks_in_sentences(as_runner: Client, rich: Run) -> None:
    page = as_runner.get(f"/runs/{rich.pk}/timeline/").content.decode()
    assert "Measured held-out tasks at step 2: 29.2 % (7/24)" in page
    assert "Checkpoint of step 2 saved, the best so far" in page
    assert "Desktop lost: pocket-3 was replaced" in page
    assert "CPU 172 % of 2 cores" in page
    rescue = "Replay rescued settings-dark-mode at step 2 with a success of step 1, a1-s1-g0-r1, 1 step old"
    assert f"{rescue}: advantage 0 → +1.5" in page


def test_measurements_are_shown_with_intervals_and_infeasible_tasks_apart(
    as_runner: Client, as_stranger: Client, runner: User, team: Team
) -> None:
    made = titled_run(runner, team, "Measured", kind="evaluate")
    engine = Engine(made)
    engine.start()
    assert "Nothing has been measured yet" in as_runner.get(f"/runs/{made.pk}/").content.decode()
    figures = Figures(
        tasks=8, attempts=24, successes=7, faults=2, success=7 / 24, interval=(0.149, 0.492), pass1_mean=0.292,
        pass1_sd=0.05, trials=3, pass_at={1: 0.292, 2: 0.41, 3: 0.5}, mean_score=0.292,
    )  # fmt: skip
    report = Report(
        feasible=figures,
        infeasible=Figures(tasks=1, attempts=3, successes=3, success=1.0, interval=(0.438, 1.0)),
        domains={"vlc": figures, "<b>os</b>": Figures()},
        together=figures,
    )
    for old in (False, True):
        told = None if old else report
        engine.say(
            wire.ValidationFinished(
                step=1, split=Split.EVALUATION, successes=7, attempts=24, faults=2, tasks="held_out", figures=told
            )
        )
    page = as_runner.get(f"/runs/{made.pk}/measurements/").content.decode()
    for words in (
        "Held-out tasks", "29.2 % (7/24)", "14.9 – 49.2 %", "29.2 % ± 5.0 %", "@2 41.0 %", "100.0 % (3/3)", "apart",
        "By domain (2)", "&lt;b&gt;os",
    ):  # fmt: skip
        assert words in page, words
    assert "<b>os" not in page
    timeline = as_runner.get(f"/runs/{made.pk}/timeline/").content.decode()
    assert "Measured held-out tasks at step 1: 29.2 % (7/24), 95 % interval 14.9 – 49.2 %" in timeline
    assert as_stranger.get(f"/runs/{made.pk}/measurements/").status_code == 404


def test_the_log_is_narrowed_by_level_and_words_and_shows_text(as_runner: Client, runner: User, team: Team) -> None:
    run, engine = rich_run(runner, team)
    engine.say(
        wire.LogWritten(level="warning", logger="arpo_engine.pool", message="a desktop is slow"),
        wire.LogWritten(level="error", logger="arpo_engine.pool", message="<img src=x onerror=alert(1)>"),
    )
    page = as_runner.get(f"/runs/{run.pk}/log/?level=warning").content.decode()
    assert "a desktop is slow" in page
    assert "8 desktops are ready" not in page
    assert "<img src=x" not in page
    assert "a desktop is slow" not in as_runner.get(f"/runs/{run.pk}/log/?q=zebra").content.decode()


def test_the_config_tab_tells_the_difference_from_the_preset(as_runner: Client, rich: Run) -> None:
    page = as_runner.get(f"/runs/{rich.pk}/config/").content.decode()
    assert "Different from A small policy learns a small desktop" in page
    assert "optimizer.warmup_steps" in page
    assert "checkpoints/2" in page
    assert "bench-1" in page
    assert rich.config_hash in page


def test_a_run_before_its_first_step_explains_itself(as_runner: Client, runner: User, team: Team) -> None:
    made = titled_run(runner, team)
    Engine(made).start()
    for part, words in {
        "wall/": "No screenshot yet",
        "latest-episodes/": "No episode has ended yet",
        "groups/": "No groups yet",
        "metrics/": "No numbers yet",
        "replay/panel/": "No group has been rescued yet",
        "config/": "No checkpoint has been saved yet",
    }.items():
        assert words in as_runner.get(f"/runs/{made.pk}/{part}").content.decode(), part


def test_without_replay_the_panel_says_that_it_is_off(as_runner: Client, runner: User, team: Team) -> None:
    made = titled_run(runner, team, algorithm={"kind": "grpo"})
    assert "Replay is off" in as_runner.get(f"/runs/{made.pk}/replay/").content.decode()
