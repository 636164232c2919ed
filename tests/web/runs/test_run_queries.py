"""Queries, orders, pages and groups on real rows: by fields, by any setting, by any metric."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from arpo_engine.contract.config import RunConfig
from webapp.accounts.models import Team, User
from webapp.metrics.models import Series
from webapp.runs.access import runs_of_team_visible_to
from webapp.runs.history.completion import complete
from webapp.runs.history.groups import groups_of
from webapp.runs.history.language import QueryError
from webapp.runs.history.models import ConfigKey, RunSetting
from webapp.runs.history.pages import count_of, fresh_of, page_of
from webapp.runs.history.state import ViewState
from webapp.runs.models import Run, RunStatus
from webapp.runs.services import create_run, star_run
from webapp.runs.services.settings_index import as_row, index_settings

pytestmark = pytest.mark.django_db


def made(owner: User, team: Team, name: str, metrics: dict[str, float | None] | None = None, **row: Any) -> Run:
    """A run with settings, and with whatever else of its row is given; `config` changes its config."""
    config = RunConfig.model_validate({"title": name, **row.pop("config", {})})
    run = create_run(owner=owner, team=team, config=config, tags=row.pop("tags", ()))
    Run.objects.filter(pk=run.pk).update(**row)
    Series.objects.bulk_create([Series(run=run, key=key, last_value=value) for key, value in (metrics or {}).items()])
    run.refresh_from_db()
    return run


@pytest.fixture
def three(runner: User, admin: User, team: Team) -> tuple[Run, Run, Run]:
    """A slow, a fast and a failed run, that differ in all that can be asked for."""
    now = timezone.now()
    slow = made(
        runner, team, "Slow one", {"train/success": 0.25, "train/kl": 0.01}, tags=["baseline"], preset="pocket_demo",
        config={"optimizer": {"lr": 1e-6}, "seed": 1}, status=RunStatus.RUNNING, step=5, total_steps=40,
        successes=4, attempts_count=16, started_at=now - timedelta(hours=3), created_at=now - timedelta(days=10),
    )  # fmt: skip
    fast = made(
        admin, team, "Fast one", {"train/success": 0.75}, tags=["baseline", "old"], note="keep: best so far",
        config={"optimizer": {"lr": 1e-4}, "seed": 2}, status=RunStatus.FINISHED, step=40, total_steps=40,
        successes=12, attempts_count=16, held_out_successes=3, held_out_attempts=4,
        started_at=now - timedelta(hours=2), finished_at=now - timedelta(hours=1), created_at=now - timedelta(days=1),
    )  # fmt: skip
    failed = made(runner, team, "Third", {"train/success": None}, config={"seed": 3}, status=RunStatus.FAILED)
    return slow, fast, failed


def names(person: User, team: Team, q: str = "", sort: str = "name", cols: str = "") -> list[str]:
    state = ViewState.of(QueryDict(urlencode({"q": q, "sort": sort, "cols": cols})))
    return [run.name for run in page_of(runs_of_team_visible_to(person, team), state, person).runs]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", ["Fast one", "Slow one", "Third"]),
        ("status:running", ["Slow one"]),
        ("status:failed,finished", ["Fast one", "Third"]),
        ("status:active", ["Slow one"]),
        ("-is:active", ["Fast one", "Third"]),
        ("status!=finished", ["Slow one", "Third"]),
        ("owner:me", ["Slow one", "Third"]),
        ("is:mine", ["Slow one", "Third"]),
        ("owner:ruth", ["Slow one", "Third"]),
        ("tag:baseline -tag:old", ["Slow one"]),
        ("tag:*", ["Fast one", "Slow one"]),
        ("has:note", ["Fast one"]),
        ("preset:pocket_demo", ["Slow one"]),
        ("name:one", ["Fast one", "Slow one"]),
        ('name="slow one"', ["Slow one"]),
        ("fast", ["Fast one"]),
        ("best", ["Fast one"]),
        ('"one" -slow', ["Fast one"]),
        ("old", ["Fast one"]),
        ("step:5", ["Slow one"]),
        ("step:5..40", ["Fast one", "Slow one"]),
        ("step>5", ["Fast one"]),
        ("step>=4.5", ["Fast one", "Slow one"]),
        ("step<=5.5 step>4.5", ["Slow one"]),
        ("step:5.5", []),
        ("step>99999999999999", []),
        ("step<99999999999999", ["Fast one", "Slow one", "Third"]),
        ("success>=0.5", ["Fast one"]),
        ("success:25%", ["Slow one"]),
        ("-success>=0.5", ["Slow one", "Third"]),
        ("success:*", ["Fast one", "Slow one"]),
        ("held_out>50%", ["Fast one"]),
        ("ran>2h30m", ["Slow one"]),
        ("ran<90m", ["Fast one"]),
        ("created>7d", ["Fast one", "Third"]),
        ("created<7d", ["Slow one"]),
        ("created:today", ["Third"]),
        ("created>=today", ["Third"]),
        ("created<today", ["Fast one", "Slow one"]),
        ("optimizer.lr>1e-5", ["Fast one", "Third"]),
        ("optimizer.lr:1e-6", ["Slow one"]),
        ("optimizer.lr=0.000001,1e-4", ["Fast one", "Slow one"]),
        ("seed:1..2", ["Fast one", "Slow one"]),
        ("seed!=1", ["Fast one", "Third"]),
        ("seed:*", ["Fast one", "Slow one", "Third"]),
        ("config.kind:train", ["Fast one", "Slow one", "Third"]),
        ("model.path:builtin", ["Fast one", "Slow one", "Third"]),
        ("model.path=builtin", []),
        ("algorithm.replay.enabled:true", ["Fast one", "Slow one", "Third"]),
        ("metric.train/success>=0.5", ["Fast one"]),
        ("metric.train/success:0.25", ["Slow one"]),
        ("metric.train/success!=0.25", ["Fast one", "Third"]),
        ("-metric.train/success>0.5", ["Slow one", "Third"]),
        ("metric.train/kl:*", ["Slow one"]),
        ("metric.nobody/logged>0", []),
        ("id:zzz", []),
        ("is:starred", ["Third"]),
        ("is:archived", []),
        ("has:parent", []),
        ("has:checkpoint", []),
        ("has:children", []),
    ],
)
def test_a_query_finds_what_it_says(
    three: tuple[Run, Run, Run], runner: User, team: Team, q: str, found: list[str]
) -> None:
    star_run(run=three[2], actor=runner)
    assert names(runner, team, q) == found


def test_a_word_is_the_beginning_of_an_id_only_where_that_is_no_accident(runner: User, team: Team) -> None:
    for number in (1, 2):
        Run.objects.create(id=f"2abc{number}xxxxxxx", name=f"Run {number}", owner=runner, team=team, config={})
    assert names(runner, team, "Run 2") == ["Run 2"]
    assert names(runner, team, "2ab") == []
    assert names(runner, team, "2abc") == ["Run 1", "Run 2"]
    assert names(runner, team, "2ABC1") == ["Run 1"]
    assert names(runner, team, "id:2") == ["Run 1", "Run 2"]


@pytest.mark.parametrize(
    ("q", "wrong", "suggestion", "words"),
    [
        ("statux:running", "statux", "status", "no field"),
        ("lr>1", "lr", "optimizer.lr", "no run has such a setting"),
        ("optimizr.lr>1", "optimizr.lr", "optimizer.lr", "no run has such a setting"),
        ("status:runningg", "runningg", "running", "can be queued"),
        ("status>running", "status>running", None, "has no order"),
        ("step:many", "many", None, "is no number"),
        ("success>50", "50", "50%", "is no share"),
        ("created>soon", "soon", None, "is no time"),
        ("ran>2", "2", "2h", "is no length of time"),
        ("step>1,2", "step>1,2", None, "compares with one value"),
        ("step:1..", "1..", None, "lacks one of its ends"),
        ("curve>1", "curve", "success", "cannot be asked for"),
        ("zzzqqq:1", "zzzqqq", None, "no field"),
    ],
)
def test_a_query_that_means_nothing_says_where_and_what_instead(
    three: tuple[Run, Run, Run], runner: User, team: Team, q: str, wrong: str, suggestion: str | None, words: str
) -> None:
    with pytest.raises(QueryError) as caught:
        names(runner, team, q)
    error = caught.value
    assert q[error.start : error.end] == wrong
    assert error.suggestion == suggestion
    assert words in error.message


def test_archived_runs_are_found_only_by_those_who_ask(three: tuple[Run, Run, Run], runner: User, team: Team) -> None:
    Run.objects.filter(pk=three[1].pk).update(archived_at=timezone.now())
    assert names(runner, team) == ["Slow one", "Third"]
    assert names(runner, team, "is:archived") == ["Fast one"]
    assert names(runner, team, "-is:archived") == ["Slow one", "Third"]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-metric.train/success", ["Fast one", "Slow one", "Third"]),
        ("metric.train/success", ["Slow one", "Fast one", "Third"]),
        ("optimizer.lr,-name", ["Slow one", "Third", "Fast one"]),
        ("success", ["Slow one", "Fast one", "Third"]),
        ("-ran", ["Slow one", "Fast one", "Third"]),
        ("-seed", ["Third", "Fast one", "Slow one"]),
        ("algorithm.kind,seed", ["Slow one", "Fast one", "Third"]),
        ("-held_out,-success", ["Fast one", "Slow one", "Third"]),
    ],
)
def test_the_list_is_ordered_by_several_columns_and_what_has_no_value_comes_last(
    three: tuple[Run, Run, Run], runner: User, team: Team, sort: str, order: list[str]
) -> None:
    lr = {"1e-06": "Slow one", "0.0001": "Fast one"}
    found = names(runner, team, "", sort)
    if sort.startswith("optimizer"):
        assert found[0] == lr["1e-06"]
        assert set(found) == set(order)
    else:
        assert found == order


@pytest.mark.parametrize(
    "sort", ["-created", "name", "-success,name", "metric.m,-seed", "-metric.m", "model.path,ran", "-ran,step", "seed"]
)
def test_pages_of_any_order_hold_every_run_once_also_where_values_are_missing(
    runner: User, team: Team, sort: str
) -> None:
    for number in range(11):
        made(
            runner, team, f"Run {number % 3}", {"m": None if number % 4 == 0 else number % 3} if number % 5 else {},
            config={"seed": number % 2}, successes=number % 3, attempts_count=3 if number % 3 else 0,
            started_at=timezone.now() if number % 2 else None,
        )  # fmt: skip
    state = ViewState.of(QueryDict(f"sort={sort}"))
    runs = runs_of_team_visible_to(runner, team)
    whole = [run.pk for run in page_of(runs, state, runner).runs]
    seen: list[str] = []
    place = ""
    for _ in range(4):
        page = page_of(runs, state, runner, place, 3)
        seen += [run.pk for run in page.runs]
        place = page.after
    assert place == ""
    assert seen == whole
    assert len(set(seen)) == 11


@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("-created", "runs_run_newest_of_all"),
        ("-metric.m", "metrics_series_latest"),
        ("metric.m", "metrics_series_latest"),
    ],
)
@pytest.mark.parametrize("place", ["first page", "later page"])
def test_the_usual_orders_are_read_from_an_index_and_not_sorted(
    runner: User, team: Team, django_assert_max_num_queries: Any, sort: str, index: str, place: str
) -> None:
    for number in range(6):
        made(runner, team, f"Run {number}", {"m": float(number)})
    state, runs = ViewState.of(QueryDict(f"sort={sort}")), runs_of_team_visible_to(runner, team)
    begin = "" if place == "first page" else page_of(runs, state, runner, "", 2).after
    with django_assert_max_num_queries(20) as asked:
        page_of(runs, state, runner, begin, 2)
    (statement,) = [query["sql"] for query in asked.captured_queries if "by_0" in query["sql"]]
    with connection.cursor() as cursor:
        # A handful of rows would be sorted faster; a plan without an index for the order sorts all the same.
        for way in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    assert re.search(r"(?<!Incremental )Sort  \(", plan) is None, plan


def test_settings_and_metrics_are_columns_in_eight_queries_however_many_runs(
    three: tuple[Run, Run, Run], runner: User, team: Team, django_assert_max_num_queries: Any
) -> None:
    state = ViewState.of(QueryDict("cols=optimizer.lr,metric.train/success,seed,no.such.setting&sort=name"))
    with django_assert_max_num_queries(8):
        page = page_of(runs_of_team_visible_to(runner, team), state, runner)
        shown = [str(run.owner) for run in page.runs]
    assert len(shown) == 3
    fast = page.values[three[1].pk]
    assert fast == {"optimizer.lr": "0.0001", "metric.train/success": 0.75, "seed": "2"}
    assert page.missing == ("no.such.setting",)


def test_settings_follow_the_config_and_words_about_the_run_are_left_out(runner: User, team: Team) -> None:
    run = made(runner, team, "Indexed", config={"seed": 4})
    assert RunSetting.objects.get(run=run, key__path="seed").number == 4
    assert not ConfigKey.objects.filter(path__in=["title", "story"]).exists()
    run.config["seed"] = 5
    index_settings([run])
    assert RunSetting.objects.get(run=run, key__path="seed").text == "5"


@pytest.mark.parametrize(
    ("value", "row"),
    [
        (True, (1.0, "true")),
        (None, (None, "none")),
        (1e-6, (1e-6, "1e-06")),
        (10**400, (None, "1" + "0" * 199)),
        (["a", 2], (None, "a, 2")),
        ("x" * 300, (None, "x" * 200)),
        ("a\x00b", (None, "a�b")),
        ({}, (None, "{}")),
    ],
)
def test_any_value_of_a_config_is_a_row(value: Any, row: tuple[float | None, str]) -> None:
    assert as_row(value) == row


def test_counts_and_new_runs_follow_the_query(three: tuple[Run, Run, Run], runner: User, team: Team) -> None:
    runs, state = runs_of_team_visible_to(runner, team), ViewState(q="tag:baseline")
    assert count_of(runs, state, runner) == 2
    since = timezone.now() - timedelta(days=2)
    assert fresh_of(runs, state, runner, since) == 1
    assert fresh_of(runs, ViewState(), runner, since) == 2


def test_groups_tell_pooled_rates_and_the_band_over_runs(runner: User, team: Team) -> None:
    for seed, wins in ((1, 2), (2, 6)):
        made(
            runner, team, f"s{seed}", {"m": float(seed)}, config={"seed": seed, "optimizer": {"lr": 1e-5}},
            successes=wins, attempts_count=8, status=RunStatus.FINISHED,
        )  # fmt: skip
    made(runner, team, "other", config={"optimizer": {"lr": 1e-4}})
    state = ViewState.of(QueryDict("group=optimizer.lr&cols=status,metric.m"))
    page = groups_of(runs_of_team_visible_to(runner, team), state, runner)
    first, second = page.groups
    assert (first.value, first.runs, first.statuses) == ("1e-05", 2, (("finished", 2),))
    assert (first.success.successes, first.success.attempts) == (8, 16)
    assert first.success.interval is not None
    assert first.success.band.mean == pytest.approx(0.5)
    assert first.success.band.sd == pytest.approx(0.353553, abs=1e-5)
    assert (first.metrics[0].mean, first.metrics[0].runs) == (1.5, 2)
    assert (second.value, second.success.band.mean, second.success.interval) == ("0.0001", None, None)
    assert names(runner, team, first.q) == ["s1", "s2"]


def test_groups_of_runs_without_a_value_can_be_opened_too(
    three: tuple[Run, Run, Run], runner: User, team: Team
) -> None:
    state = ViewState.of(QueryDict("group=preset"))
    page = groups_of(runs_of_team_visible_to(runner, team), state, runner)
    empty = next(group for group in page.groups if group.value is None)
    assert sorted(names(runner, team, empty.q)) == ["Fast one", "Third"]


def offered(person: User, team: Team, text: str) -> list[str]:
    found = complete(runs_of_team_visible_to(person, team), text, len(text))
    return [f"{text[: found.start]}{offer.text}" for offer in found.offers]


def test_what_is_offered_can_be_written_there(three: tuple[Run, Run, Run], runner: User, team: Team) -> None:
    assert "status:" in offered(runner, team, "")
    assert offered(runner, team, "stat")[0] == "status:"
    assert offered(runner, team, "status:fin") == ["status:finished"]
    assert offered(runner, team, "a -status:failed,qu") == ["a -status:failed,queued"]
    assert "optimizer.lr:" in offered(runner, team, "lr")
    assert offered(runner, team, "metric.train/k") == ["metric.train/kl>"]
    assert "optimizer.lr:1e-06" in offered(runner, team, "optimizer.lr:")
    assert offered(runner, team, "tag:ol") == ["tag:old"]
    assert "owner:me" in offered(runner, team, "owner:")
    assert "owner:ruth" in offered(runner, team, "owner:")
    assert offered(runner, team, "preset:po") == ["preset:pocket_demo"]
    assert "created:7d" in offered(runner, team, "created:")
    assert offered(runner, team, "metric.x>") == []
    assert offered(runner, team, "nothing.like.it") == []


def test_nothing_of_another_team_is_offered(
    three: tuple[Run, Run, Run], stranger: User, runner: User, team: Team
) -> None:
    theirs = stranger.teams.get()
    assert offered(stranger, theirs, "metric.train") == []
    assert offered(stranger, theirs, "tag:") == []
    assert offered(stranger, theirs, "optimizer.l") == []
    assert list(runs_of_team_visible_to(stranger, team)) == []
    assert list(runs_of_team_visible_to(AnonymousUser(), team)) == []
