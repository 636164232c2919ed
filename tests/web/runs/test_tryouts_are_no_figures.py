"""What a person directed is recorded and shown, and no figure, picker, estimate or alert takes it for a measurement."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.utils import timezone

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Click
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.outcomes import Split
from tests.web.builders import envelopes, episode, frame_of, make_attempt, picture, started
from webapp.accounts.models import Team, User
from webapp.alerts.models import Alert
from webapp.alerts.watching import watch
from webapp.analysis.chosen import runs_with_tries_visible_to
from webapp.analysis.counts import SETS
from webapp.api.ingest import ingest
from webapp.episodes.models import Step
from webapp.runs.access import runs_of_team_visible_to
from webapp.runs.history.pages import page_of
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run, RunStatus
from webapp.runs.queueing.durations import expected_durations_s
from webapp.runs.services import create_run
from webapp.runs.timeline import describe

pytestmark = pytest.mark.django_db


@pytest.fixture
def tryout(runner: User, team: Team) -> Run:
    return create_run(owner=runner, team=team, config=RunConfig(kind="try", title="A try-out"))


def found(person: User, team: Team, q: str) -> list[str]:
    state = ViewState.of(QueryDict(urlencode({"q": q, "sort": "name"})))
    return [run.name for run in page_of(runs_of_team_visible_to(person, team), state, person).runs]


def test_the_list_of_runs_shows_try_outs_where_they_are_asked_for(
    run: Run, tryout: Run, runner: User, team: Team
) -> None:
    assert found(runner, team, "") == [run.name]
    assert found(runner, team, "kind:try") == [tryout.name]
    assert found(runner, team, "-kind:try") == [run.name]


def test_no_set_of_tries_counts_what_a_person_directed(tryout: Run, runner: User, team: Team) -> None:
    ingest(make_attempt(tryout)[0], envelopes([started(run_kind="try"), *episode("e1", split=Split.TRYOUT)]))
    assert all(Split.TRYOUT.value not in splits for splits in SETS.values())
    assert runs_with_tries_visible_to(runner, team) == []


def test_a_step_by_hand_and_the_screen_of_a_try_out_are_kept(tryout: Run) -> None:
    before, after = frame_of(picture(1)), frame_of(picture(2))
    begun, _, end = episode("e1", steps=1, split=Split.TRYOUT)
    hand = wire.EpisodeStepTaken(episode_id="e1", index=0, frame=before, action=Click(x=1, y=2), by="Anna\x00Adams")
    stands = wire.TryoutChanged(state="holding", taken=1, episode_id="e1", step=1, screen=(8, 6), frame=after)
    answer, _ = ingest(make_attempt(tryout)[0], envelopes([started(run_kind="try"), begun, hand, stands, end]))
    assert set(answer.missing_frames) == {before.sha256, after.sha256}
    step = Step.objects.get(episode__run=tryout)
    assert step.by.startswith("Anna")
    assert "\x00" not in step.by


def test_the_end_of_a_try_out_is_no_news_to_the_team(run: Run, tryout: Run) -> None:
    Run.objects.filter(pk__in=[run.pk, tryout.pk]).update(status=RunStatus.FINISHED, status_at=timezone.now())
    watch()
    assert set(Alert.objects.filter(kind="finished").values_list("run", flat=True)) == {run.pk}


def test_a_try_out_that_failed_is_news(tryout: Run) -> None:
    Run.objects.filter(pk=tryout.pk).update(status=RunStatus.FAILED, status_at=timezone.now())
    watch()
    assert Alert.objects.filter(run=tryout).values_list("kind", flat=True).get() == "failed"


def test_how_long_somebody_directed_one_says_nothing_of_the_next(tryout: Run, runner: User, team: Team) -> None:
    now = timezone.now()
    ran = {"status": RunStatus.FINISHED, "started_at": now - timedelta(hours=3), "finished_at": now}
    Run.objects.filter(pk=tryout.pk).update(**ran)
    following = create_run(owner=runner, team=team, config=RunConfig(kind="try", title="A try-out"))
    assert expected_durations_s([following]) == {following.pk: None}


def test_it_is_said_to_start_in_words_of_its_own() -> None:
    data: dict[str, Any] = {"run_kind": "try", "total_steps": 0, "desktops": 1}
    assert "as people direct it" in describe("RunStarted", data).text
