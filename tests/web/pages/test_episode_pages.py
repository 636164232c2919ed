"""Episodes, groups, the wall and replay: outcomes in words, marks never forgotten, text shown as text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.action_words import action_words
from arpo_engine.contract.outcomes import SOLVED_ABOVE, Split
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.episodes import selectors
from webapp.episodes.models import Episode, ReplayInjection
from webapp.episodes.words import outcome_of
from webapp.runs.models import Run

KEY = re.compile(r'class="row-link" href="/runs/\w+/episodes/([^/]+)/"')


def keys(client: Client, run: Run, query: str = "") -> list[str]:
    return KEY.findall(client.get(f"/runs/{run.pk}/episodes/?{query}").content.decode())


def viewer_data(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="episode-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_the_viewer_has_every_step_with_its_words_and_numbers(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/episodes/a1-s1-g0-r1/").content.decode()
    data = viewer_data(page)
    assert [step["words"] for step in data["steps"]] == [
        "click 40, 60", "double click 120, 84", "drag 60, 120 → 150, 120", "scroll down 3 at 110, 100", "type “milk⏎”",
        "press ctrl+s", "unreadable", "finished",
    ]  # fmt: skip
    assert data["steps"][6]["problem"] == "the reply has no Action line"
    assert data["steps"][0]["frame"].startswith(f"/api/v1/runs/{rich.pk}/frames/")
    assert as_viewer.get(data["steps"][0]["frame"]).status_code == 200
    assert data["final"]["width"] == 224
    assert "reward <b>1</b> = score 1" in page


def test_shift_and_an_arrow_go_through_the_group(as_viewer: Client, rich: Run) -> None:
    data = viewer_data(as_viewer.get(f"/runs/{rich.pk}/episodes/a1-s1-g0-r1/").content.decode())
    assert data["before"] == f"/runs/{rich.pk}/episodes/a1-s1-g0-r0/"
    assert data["after"] == f"/runs/{rich.pk}/episodes/a1-s1-g0-r2/"
    first = viewer_data(as_viewer.get(f"/runs/{rich.pk}/episodes/a1-s1-g0-r0/").content.decode())
    assert first["before"] is None


def test_replayed_replaced_and_retried_ones_say_so(as_viewer: Client, rich: Run) -> None:
    base = f"/runs/{rich.pk}/episodes"
    source = as_viewer.get(f"{base}/a1-s1-g0-r1/").content.decode()
    assert "Replayed at step 2" in source
    assert f"/runs/{rich.pk}/groups/?step=2#g-a1-s2-g0" in source
    replaced = as_viewer.get(f"{base}/a1-s2-g0-r0/").content.decode()
    assert "gave its place to" in replaced and f"{base}/a1-s1-g0-r1/" in replaced
    assert f"{base}/a1-lost~1/" in as_viewer.get(f"{base}/a1-lost/").content.decode()
    retried = as_viewer.get(f"{base}/a1-lost~1/").content.decode()
    assert ">retried</span>" in retried and f"{base}/a1-lost/" in retried


def test_text_of_models_and_tasks_is_only_ever_text(as_viewer: Client, runner: User, team: Team) -> None:
    run = titled_run(runner, team)
    engine = Engine(run)
    engine.start()
    bad = "</script><script>alert(1)</script>"
    engine.say(
        wire.EpisodeStarted(episode_id="e", task_id=bad, instruction=bad, split=Split.TRAIN, step=1, desktop=bad),
        wire.EpisodeStepTaken(
            episode_id="e", index=0, frame=engine.frame(1), thought=bad, action=None, raw_text=bad, problem=bad
        ),
    )
    for part in ("episodes/e/", "episodes/", "wall/", "latest-episodes/"):
        page = as_viewer.get(f"/runs/{run.pk}/{part}").content.decode()
        assert "<script>alert(1)" not in page, part
    page = as_viewer.get(f"/runs/{run.pk}/episodes/e/").content.decode()
    assert viewer_data(page)["steps"][0]["thought"] == bad


def test_a_step_without_a_screenshot_says_where_there_are_some(as_viewer: Client, runner: User, team: Team) -> None:
    run = titled_run(runner, team)
    run.config["frames"]["sample_every"] = 8
    run.save(update_fields=["config"])
    engine = Engine(run)
    engine.start()
    engine.say(
        wire.EpisodeStarted(episode_id="e", task_id="t", instruction="i", split=Split.TRAIN, step=1, desktop="d"),
        wire.EpisodeStepTaken(episode_id="e", index=0, frame=None, thought="", action=None, raw_text=""),
    )
    page = as_viewer.get(f"/runs/{run.pk}/episodes/e/").content.decode()
    assert "one episode in 8" in page
    assert f'href="/runs/{run.pk}/episodes/?mark=seen"' in page


def test_an_episode_that_is_not_there_is_a_404(as_viewer: Client, rich: Run) -> None:
    assert as_viewer.get(f"/runs/{rich.pk}/episodes/nobody/").status_code == 404


def test_filters_of_the_list(as_viewer: Client, rich: Run) -> None:
    assert set(keys(as_viewer, rich, "outcome=solved")) == {"a1-s1-g0-r1", "a1-s1-g0-r3", "a1-lost~1"}
    assert keys(as_viewer, rich, "outcome=fault") == ["a1-lost"]
    assert keys(as_viewer, rich, "outcome=under-way") == ["a1-now"]
    assert keys(as_viewer, rich, "mark=replayed") == ["a1-s1-g0-r1"]
    assert set(keys(as_viewer, rich, "mark=remembered")) == {"a1-s1-g0-r1", "a1-s1-g0-r3"}
    assert keys(as_viewer, rich, "mark=retried") == ["a1-lost~1"]
    assert len(keys(as_viewer, rich, "step=1")) == 8
    assert "No episode matches" in as_viewer.get(f"/runs/{rich.pk}/episodes/?task=zebra").content.decode()
    assert keys(as_viewer, rich, "split=nonsense&step=-1&after=x") == keys(as_viewer, rich)


def test_pages_of_episodes_show_each_once(as_viewer: Client, rich: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE_SIZE", 5)
    seen: list[str] = []
    query = ""
    while True:
        page = as_viewer.get(f"/runs/{rich.pk}/episodes/?{query}").content.decode()
        seen += KEY.findall(page)
        following = re.search(r'href="\?(after=\d+)" rel="next"', page)
        if not following:
            break
        query = following[1]
    assert len(seen) == len(set(seen)) == Episode.objects.filter(run=rich).count()


def test_a_group_shows_advantages_and_who_came_from_replay(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/groups/?step=2").content.decode()
    assert "rescued by replay" in page
    assert "nothing to learn: all failed" in page
    assert "+1.5" in page
    assert "from step 1" in page
    assert "1 step old; advantage 0 → +1.5, in place of" in page
    assert f'href="/runs/{rich.pk}/episodes/a1-s2-g0-r0/">a failed try' in page
    assert 'href="?step=1"' in page
    latest = as_viewer.get(f"/runs/{rich.pk}/groups/").content.decode()
    assert "Groups of step 2" in latest
    assert "No groups at step 99" in as_viewer.get(f"/runs/{rich.pk}/groups/?step=99").content.decode()


def test_the_replay_panel_links_both_episodes_of_a_rescue(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/replay/panel/").content.decode()
    assert "<b>2</b> successes remembered for 1 task" in page
    assert "<b>1</b> group rescued in 1 step" in page
    assert f"/runs/{rich.pk}/episodes/a1-s1-g0-r1/" in page
    assert f"/runs/{rich.pk}/episodes/a1-s2-g0-r0/" in page
    assert "(1 step old; advantage 0 → +1.5)" in page


def test_both_episodes_of_a_rescue_tell_its_age_and_what_it_changed(as_viewer: Client, rich: Run) -> None:
    for key in ("a1-s1-g0-r1", "a1-s2-g0-r0"):
        page = as_viewer.get(f"/runs/{rich.pk}/episodes/{key}/").content.decode()
        assert ", 1 step old: advantage 0 → +1.5." in page


def test_an_older_engine_says_neither_age_nor_advantages(as_viewer: Client, rich: Run) -> None:
    ReplayInjection.objects.filter(run=rich).update(age_steps=None, advantage_before=None)
    page = as_viewer.get(f"/runs/{rich.pk}/groups/?step=2").content.decode()
    assert "in place of" in page
    assert "step old" not in page
    assert "(;" not in as_viewer.get(f"/runs/{rich.pk}/replay/panel/").content.decode()


def test_the_wall_begins_with_what_is_under_way(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/wall/").content.decode()
    episodes = re.findall(r'<article class="tile" data-episode="([^"]+)"', page)
    assert episodes[0] == "a1-now"
    assert len(episodes) == len(set(episodes)) == 19


@pytest.mark.parametrize(
    ("ended_by", "fault", "score", "word"),
    [
        ("", "", None, "under way"),
        ("finished", "", 1.0, "solved"),
        ("failed_by_agent", "", 1.0, "solved"),
        ("finished", "", 0.7, "solved (0.7)"),
        ("finished", "", 0.5, "partly (0.5)"),
        ("out_of_steps", "", 0.0, "not solved"),
        ("fault", "desktop_lost", None, "desktop lost"),
        ("cancelled", "", None, "cancelled"),
    ],
)
def test_an_outcome_has_one_word(ended_by: str, fault: str, score: float | None, word: str) -> None:
    assert outcome_of(Episode(ended_by=ended_by, fault=fault, score=score)).word == word


def test_a_task_that_is_mostly_done_is_solved_on_every_page_as_the_engine_counts_it(
    as_viewer: Client, runner: User, team: Team
) -> None:
    run = titled_run(runner, team, "Graded")
    engine = Engine(run)
    engine.start()
    engine.group(1, 0, "graded", [0.7, 0.5, 0.0, 0.0])
    engine.deliver()
    assert keys(as_viewer, run, "outcome=solved") == ["a1-s1-g0-r0"]
    assert set(keys(as_viewer, run, "outcome=not-solved")) == {"a1-s1-g0-r1", "a1-s1-g0-r2", "a1-s1-g0-r3"}
    assert "25.0 % (1/4)" in as_viewer.get(f"/runs/{run.pk}/groups/").content.decode()
    assert "25.0 % (1/4)" in as_viewer.get(f"/tasks/?runs={run.pk}&tries=train").content.decode()


def test_the_wall_asks_for_the_score_that_the_engine_asks_for() -> None:
    words = Path(settings.BASE_DIR, "static/js/words.js").read_text(encoding="utf-8")
    assert f"const SOLVED_ABOVE = {SOLVED_ABOVE};" in words


def test_actions_have_words() -> None:
    assert action_words({"kind": "click", "x": 1, "y": 2, "button": "right", "count": 1}) == "right click 1, 2"
    assert action_words({"kind": "type", "text": "a" * 100}) == "type “" + "a" * 59 + "…”"
    assert action_words({"kind": "wait", "seconds": 1.0}) == "wait 1 s"
    assert action_words({"kind": "invented by a newer engine"}) == "invented by a newer engine"
    assert action_words(None) == "unreadable"
