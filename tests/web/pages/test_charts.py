"""Figures: what is drawn, gaps that stay gaps, axes, smoothing, and a table for who does not see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from arpo_engine.contract import events as wire
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.metrics.charts import CHARTS
from webapp.metrics.smoothing import smooth
from webapp.runs.models import Run


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
