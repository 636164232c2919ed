"""Figures: what is drawn, gaps that stay gaps, axes, smoothing, and a table for who does not see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from arpo_engine.contract import events as wire
from tests.web.pages.factories import Engine, in_status, titled_run
from webapp.accounts.models import Team, User
from webapp.metrics.charts import CHARTS
from webapp.metrics.services import record_points
from webapp.metrics.smoothing import smooth
from webapp.runs.models import Run, RunStatus


@pytest.fixture
def curved(runner: User, team: Team) -> Run:
    """A run of eight steps with all its numbers."""
    run = titled_run(runner, team)
    engine = Engine(run)
    engine.start()
    for step in range(1, 9):
        engine.finish_step(step, success=step / 10, replay=step)
    engine.say(
        wire.MetricsLogged(step=8, values={"validation/held_out_success": 0.25, "validation/train_success": 0.5})
    )
    return run


def figure(client: Client, run: Run, query: str) -> dict[str, Any]:
    answer = client.get(f"/runs/{run.pk}/figure.json?{query}")
    assert answer.status_code == 200, answer.content
    data: dict[str, Any] = answer.json()
    return data


def traces(drawn: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in drawn["figure"]["data"]}


def test_every_chart_can_be_drawn(as_viewer: Client, curved: Run) -> None:
    for name in CHARTS:
        figure(as_viewer, curved, f"chart={name}&smooth=0.5")


def test_the_age_of_what_a_stream_learns_from_has_a_chart(
    as_viewer: Client, runner: User, team: Team, curved: Run
) -> None:
    stream = titled_run(runner, team, "Stream", rollout={"mode": "stream"})
    assert "chart=version_lag" in as_viewer.get(f"/runs/{stream.pk}/charts/").content.decode()
    assert "chart=version_lag" not in as_viewer.get(f"/runs/{curved.pk}/charts/").content.decode()


def test_success_is_drawn_for_practised_and_unseen_tasks(as_viewer: Client, curved: Run) -> None:
    drawn = traces(figure(as_viewer, curved, "chart=success&smooth=0"))
    assert drawn["rollouts"]["y"] == [step / 10 for step in range(1, 9)]
    assert drawn["held-out tasks, measured"]["y"] == [0.25]
    assert drawn["training tasks, measured"]["y"] == [0.5]


def test_smoothing_keeps_the_raw_line_behind(as_viewer: Client, curved: Run) -> None:
    drawn = traces(figure(as_viewer, curved, "chart=success&smooth=0.8"))
    assert drawn["rollouts, raw"]["y"][-1] == 0.8
    assert drawn["rollouts"]["y"][-1] < 0.8
    assert "held-out tasks, measured, raw" not in drawn


def test_a_value_that_was_not_finite_is_a_gap(as_viewer: Client, curved: Run) -> None:
    drawn = figure(as_viewer, curved, "key=train/grad_norm&smooth=0")
    assert traces(drawn)["train/grad_norm"]["y"][2] is None
    assert [step for step, _ in drawn["table"][0]["points"]] == [1, 2, 4, 5, 6, 7, 8]


def test_the_x_axis_can_be_episodes_or_minutes(as_viewer: Client, curved: Run) -> None:
    by_episodes = traces(figure(as_viewer, curved, "chart=success&smooth=0&x=episodes"))
    assert by_episodes["rollouts"]["x"] == [16.0 * step for step in range(1, 9)]
    by_time = traces(figure(as_viewer, curved, "chart=success&smooth=0&x=time"))
    minutes = by_time["rollouts"]["x"]
    assert minutes == sorted(minutes) and 0 <= minutes[0] < minutes[-1] < 60


def test_nonsense_in_the_address_is_the_default(as_viewer: Client, curved: Run) -> None:
    drawn = figure(as_viewer, curved, "chart=success&smooth=lots&x=moon")
    assert drawn["figure"]["layout"]["xaxis"]["title"]["text"] == "training step"
    assert as_viewer.get(f"/runs/{curved.pk}/figure.json?chart=nonsense").status_code == 404
    assert figure(as_viewer, curved, "key=never/logged")["empty"] is True


def test_the_table_has_the_ends_of_the_curve(as_viewer: Client, curved: Run) -> None:
    points = figure(as_viewer, curved, "chart=success")["table"][0]["points"]
    assert points[0] == [1, 0.1] and points[-1] == [8, 0.8]


def test_an_axis_with_nothing_on_it_says_so_and_offers_another(as_viewer: Client, curved: Run) -> None:
    drawn = figure(as_viewer, curved, "chart=success&x=env_steps")
    assert drawn["empty"] is True
    assert "no counts of environment steps" in drawn["why"]
    assert drawn["try_x"] == "step"


def test_what_happened_is_marked(as_viewer: Client, rich: Run) -> None:
    drawn = figure(as_viewer, rich, "chart=success")
    words = {(mark["kind"], mark["words"]) for mark in drawn["marks"]}
    assert ("checkpoint", "checkpoint of step 2, the best so far") in words
    assert ("evaluation", "measured held out: 29.2 % (7/24)") in words
    assert ("replay", "replay rescued 1 group") in words
    assert {"checkpoint", "evaluation", "replay"} <= traces(drawn).keys()
    assert figure(as_viewer, rich, "chart=success&marks=0")["marks"] == []


def test_a_resumed_attempt_and_an_alert_are_marked_with_a_line(as_viewer: Client, curved: Run) -> None:
    again = Engine(in_status(curved, RunStatus.QUEUED))
    again.say(
        wire.RunStarted(
            run_kind="train", total_steps=20, resumed_from_step=6,
            provenance=wire.Provenance(config_hash="0" * 16, seed=0),
        ),
        wire.MetricsLogged(step=7, values={"train/success": 0.9}),
        wire.CollapseNoticed(
            step=7, signal="entropy", value=0.1, bound=0.2, returned_to_step=6, message="Entropy fell below 0.2"
        ),
    )  # fmt: skip
    drawn = figure(as_viewer, curved, "chart=success&smooth=0")
    assert traces(drawn)["rollouts"]["x"] == [1, 2, 3, 4, 5, 6, None, 7]
    assert {mark["words"] for mark in drawn["marks"]} >= {"attempt 2 went on from step 6", "Entropy fell below 0.2"}
    assert sum(shape["type"] == "line" for shape in drawn["figure"]["layout"]["shapes"]) == 2


def test_a_part_that_was_zoomed_to_is_read_in_finer_buckets(as_viewer: Client, curved: Run) -> None:
    rows = [("train/long", 1, step, curved.created_at, float(step)) for step in range(1, 9001)]
    record_points(curved.pk, rows)
    whole = traces(figure(as_viewer, curved, "key=train/long&smooth=0"))["train/long"]
    part = traces(figure(as_viewer, curved, "key=train/long&smooth=0&from=4000&to=4100.5"))["train/long"]
    assert len(whole["x"]) < 600 and whole["x"][1] - whole["x"][0] == 16
    assert part["x"][1] - part["x"][0] == 1
    assert part["x"][0] <= 4000 and part["x"][-1] >= 4100


def test_a_part_of_another_axis_is_found_by_its_steps(as_viewer: Client, curved: Run) -> None:
    part = traces(figure(as_viewer, curved, "chart=reward&smooth=0&x=episodes&from=40&to=70"))["reward"]
    assert part["x"] == [32.0, 48.0, 64.0, 80.0], "with a neighbour on either side"


def test_a_part_that_holds_nothing_is_shown_whole(as_viewer: Client, curved: Run) -> None:
    drawn = figure(as_viewer, curved, "chart=success&smooth=0&from=1000&to=2000")
    assert len(traces(drawn)["rollouts"]["x"]) == 8


def test_a_chart_by_itself_keeps_its_settings(as_viewer: Client, curved: Run) -> None:
    page = as_viewer.get(f"/runs/{curved.pk}/chart/?chart=success&x=relative&log=1&from=1&to=2&smooth=0.3")
    text = page.content.decode()
    assert page.status_code == 200
    assert 'data-log="1"' in text and 'data-from="1"' in text and 'value="0.3"' in text
    assert as_viewer.get(f"/runs/{curved.pk}/chart/?chart=nonsense").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "key=" + "x" * 5000, "key=%3Cscript%3Ealert(1)%3C/script%3E", "chart=success&from=9&to=1",
        "chart=success&from=nan&to=inf", "chart=success&points=999999999999", "chart=success&points=%C2%B2",
        "chart=success&x=wall&from=2026-99-99&to=x", "key=train/success&smooth=nan", "chart=success&smooth=1e999",
    ],
)  # fmt: skip
def test_hostile_words_in_an_address_draw_a_chart_or_say_what_is_missing(
    as_viewer: Client, curved: Run, query: str
) -> None:
    for page in ("figure.json", "figure.csv", "chart/"):
        answer = as_viewer.get(f"/runs/{curved.pk}/{page}?{query}")
        assert answer.status_code == 200
        assert "json" in answer["Content-Type"] or b"<script>alert" not in answer.content


def test_a_chart_is_a_csv_file_too(as_viewer: Client, curved: Run) -> None:
    answer = as_viewer.get(f"/runs/{curved.pk}/figure.csv?chart=reward")
    assert answer["Content-Disposition"] == f'attachment; filename="{curved.pk}-reward.csv"'
    lines = answer.content.decode().splitlines()
    assert len(lines) == 1 + 2 * 8
    assert lines[1].startswith(f"{curved.pk},train/reward,1,1,")


def test_strangers_get_no_numbers(as_stranger: Client, curved: Run) -> None:
    for page in ("figure.json", "figure.csv", "chart/"):
        assert as_stranger.get(f"/runs/{curved.pk}/{page}?chart=success").status_code == 404


def test_the_machines_of_a_run_have_a_page(as_viewer: Client, rich: Run, curved: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/system/").content.decode()
    assert "chart=system/cpu_share" in page
    drawn = figure(as_viewer, rich, "chart=system/cpu_share&x=relative&smooth=0")
    assert traces(drawn)["this machine"]["y"] == [0.86]
    assert drawn["marks"] == []
    assert "Nothing was sampled" in as_viewer.get(f"/runs/{curved.pk}/system/").content.decode()
    assert as_viewer.get(f"/runs/{rich.pk}/figure.json?chart=system/nonsense").status_code == 404


def test_a_figure_asks_the_database_little(
    as_viewer: Client, curved: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(7):
        figure(as_viewer, curved, "chart=entropy")


def test_all_metrics_are_listed_by_their_first_word(as_viewer: Client, curved: Run) -> None:
    page = as_viewer.get(f"/runs/{curved.pk}/metrics/").content.decode()
    for heading in ("replay", "time", "train", "validation"):
        assert f"<h2>{heading} " in page
    assert "key=train%2Fentropy" in page or "key=train/entropy" in page


def test_a_constant_series_stays_constant() -> None:
    assert smooth([1, 2, 3, 4], [2.0] * 4, 0.9) == pytest.approx([2.0] * 4)


def test_the_first_smoothed_value_is_the_first_value() -> None:
    assert smooth([1, 2, 3], [1.0, 0.0, 0.0], 0.5) == pytest.approx([1.0, 1 / 3, 1 / 7])


def test_a_gap_neither_pulls_the_average_nor_is_filled() -> None:
    smoothed = smooth([1, 2, 3], [1.0, None, 1.0], 0.5)
    assert smoothed == [1.0, None, 1.0]


def test_no_smoothing_changes_nothing() -> None:
    assert smooth([1, 5], [1.0, 0.0], 0.0) == [1.0, 0.0]


def test_distant_samples_forget_more_than_near_ones() -> None:
    near = smooth([1, 2, 3, 4], [1.0, 1.0, 1.0, 0.0], 0.9)
    far = smooth([1, 2, 3, 40], [1.0, 1.0, 1.0, 0.0], 0.9)
    assert far[-1] is not None and near[-1] is not None
    assert far[-1] < near[-1]
