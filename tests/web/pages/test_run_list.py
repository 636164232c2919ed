"""The home page: what is listed for whom, filters and pages in the address, and rows that are patched."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.web.pages.factories import in_status, titled_run
from webapp.accounts.models import Team, User
from webapp.runs.history import pages
from webapp.runs.models import Run, RunStatus

ROW = re.compile(r'<tr class="linked" id="run-(\w+)"')


def rows(client: Client, address: str) -> list[str]:
    return ROW.findall(client.get(address).content.decode())


def test_a_row_tells_status_owner_step_and_success_with_its_denominator(as_runner: Client, rich: Run) -> None:
    page = as_runner.get("/runs/").content.decode()
    assert rows(as_runner, "/runs/") == [rich.pk]
    assert "2 / 20" in page
    assert f"{100 * rich.successes / rich.attempts_count:.1f} % ({rich.successes}/16)" in page
    assert "#running" in page and "<span>running</span>" in page
    assert '<svg class="spark"' in page


def test_runs_of_other_teams_are_not_there(as_stranger: Client, run: Run) -> None:
    assert rows(as_stranger, "/runs/") == []
    assert rows(as_stranger, f"/runs/rows/?ids={run.pk}") == []


def test_names_are_shown_as_text(as_runner: Client, runner: User, team: Team) -> None:
    titled_run(runner, team, "<script>alert(1)</script>")
    page = as_runner.get("/runs/").content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_filters_narrow_and_say_so_when_nothing_is_left(as_runner: Client, runner: User, team: Team) -> None:
    first = titled_run(runner, team, "Slow learner")
    second = in_status(titled_run(runner, team, "Fast learner"), RunStatus.FAILED, "because")
    Run.objects.filter(pk=first.pk).update(tags=["night"])
    assert rows(as_runner, "/runs/?q=slow") == [first.pk]
    assert rows(as_runner, "/runs/?status=failed") == [second.pk]
    assert rows(as_runner, "/runs/?tag=night") == [first.pk]
    assert rows(as_runner, f"/runs/?owner={runner.username}&preset=pocket_demo&sort=name") == [second.pk, first.pk]
    empty = as_runner.get("/runs/?q=zebra").content.decode()
    assert "No run matches" in empty
    assert 'value="zebra"' in empty


def test_archived_runs_are_apart(as_runner: Client, runner: User, team: Team) -> None:
    old = in_status(titled_run(runner, team, "Old"), RunStatus.FINISHED)
    as_runner.post(f"/runs/{old.pk}/archive/")
    assert rows(as_runner, "/runs/") == []
    assert rows(as_runner, "/runs/?archived=1") == [old.pk]


@pytest.mark.parametrize("sort", ["-created", "created", "name", "-name", "step", "-success", "success,-name"])
def test_pages_show_every_run_once(
    as_runner: Client, runner: User, team: Team, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 3)
    made = {titled_run(runner, team, f"Run {number % 4}").pk for number in range(8)}
    seen: list[str] = []
    address = f"/runs/?sort={sort}"
    while address:
        page = as_runner.get(address).content.decode()
        seen += ROW.findall(page)
        following = re.search(r'href="(\?[^"]*after=[^"]*)" rel="next"', page)
        address = "/runs/" + following[1].replace("&amp;", "&") if following else ""
    assert len(seen) == 8
    assert set(seen) == made


def test_a_mangled_place_in_the_list_is_the_first_page(as_runner: Client, run: Run) -> None:
    for word in ("nonsense", "e30=", "%01", "W10=", "W1siLWNyZWF0ZWQiXSwgWyJ4Il0sICJhIiwgIjIwMjYtMDEtMDEiXQ=="):
        assert rows(as_runner, f"/runs/?after={word}") == [run.pk]


@pytest.mark.parametrize(("cell", "pk"), [("\ud800", "a"), ("a", "\ud800")])
def test_half_a_character_in_a_place_is_the_first_page(as_runner: Client, run: Run, cell: str, pk: str) -> None:
    place = json.dumps([["preset"], [cell], pk, "2026-01-01T00:00:00+00:00"])
    word = base64.urlsafe_b64encode(place.encode()).decode()
    assert rows(as_runner, f"/runs/?sort=preset&after={word}") == [run.pk]


def test_an_empty_list_offers_the_one_next_thing(as_runner: Client, as_viewer: Client) -> None:
    assert "Start the demo run" in as_runner.get("/runs/").content.decode()
    page = as_viewer.get("/runs/").content.decode()
    assert "You are a viewer here" in page
    assert "Start the demo run" not in page


def test_the_example_is_marked_and_everybody_finds_it(as_stranger: Client, run: Run) -> None:
    assert as_stranger.get("/runs/example/").url == "/runs/"
    Run.objects.filter(pk=run.pk).update(is_example=True)
    assert as_stranger.get("/runs/example/").url == f"/runs/{run.pk}/"
    assert rows(as_stranger, "/runs/") == [run.pk]
    assert "example" in as_stranger.get("/runs/").content.decode()


def test_the_installation_is_shown_until_it_is_done(as_runner: Client, settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    assert as_runner.get("/setup.json").json()["done"] is True
    (tmp_path / "setup.json").write_text(
        '{"phase": "torch", "percent": 40, "message": "Installing torch", "done": false}'
    )
    page = as_runner.get("/runs/").content.decode()
    assert "Installing torch" in page
    assert 'value="40"' in page
    assert as_runner.get("/setup.json").json()["percent"] == 40
    (tmp_path / "setup.json").write_text('{"percent": 100, "message": "", "done": true}')
    assert "setup-banner" not in as_runner.get("/runs/").content.decode()
    (tmp_path / "setup.json").write_text("torn {")
    assert as_runner.get("/runs/").status_code == 200


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, address
    return answer.content.decode()


def test_typed_clicked_and_older_addresses_are_one_state(as_runner: Client, runner: User, team: Team) -> None:
    first = titled_run(runner, team, "Slow learner")
    Run.objects.filter(pk=first.pk).update(tags=["to do"])
    page = text(as_runner, "/runs/?tag=to+do&sort=name")
    assert 'value="tag:&quot;to do&quot;"' in page
    assert "<code>tag:&quot;to do&quot;</code>" in page
    added = as_runner.get("/runs/add-filter/?q=is:active&field=optimizer.lr&operator=>&value=1e-9")
    assert added.url == "/runs/?q=is:active+optimizer.lr%3E1e-9"
    assert as_runner.get("/runs/add-filter/?field=tag&operator=:&value=to+do,b").url == "/runs/?q=tag:%22to+do%22,b"
    assert as_runner.get("/runs/add-filter/?field=tag&operator=;&value=b").url == "/runs/?q="
    assert rows(as_runner, "/runs/?q=tag:%22to+do%22") == [first.pk]


def test_a_query_that_cannot_be_read_shows_where_and_a_way_out(as_runner: Client, run: Run) -> None:
    page = text(as_runner, "/runs/?q=is:active+statux:running+%22%3Cb%3E%22", 422)
    assert "<mark>statux</mark>" in page
    assert 'href="?q=is:active+status:running+%22%3Cb%3E%22"' in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split("query-place")[1].split("</pre>")[0]
    assert rows(as_runner, "/runs/?q=statux:running") == []


@pytest.mark.parametrize(
    "q", ["\x01", "a" * 2000, '"', "step:..", "-", "tag:\U0001f600", "created:9999-12-31", "ran:1d..2d"]
)
def test_hostile_queries_are_answered_in_words(as_runner: Client, run: Run, q: str) -> None:
    for path in ("/runs/", "/runs/count/", "/runs/export.csv"):
        assert as_runner.get(path, {"q": q}).status_code in (200, 422)
    assert as_runner.get("/runs/complete/", {"q": q, "at": "99999999999"}).status_code == 200
    assert as_runner.get("/runs/fresh/", {"q": q, "since": "2026-01-01T00:00:00Z"}).status_code in (200, 422)


@pytest.mark.parametrize(
    "words",
    ["cols=%01,%FF", "sort=%01", "group=%01", "group=metric.x", "cols=" + "a," * 500, "sort=-,-,--x", "since=x"],
)
def test_hostile_states_are_the_nearest_state_that_means_something(as_runner: Client, run: Run, words: str) -> None:
    assert as_runner.get(f"/runs/?{words}").status_code == 200
    assert as_runner.get(f"/runs/columns/?{words}").status_code == 200
    assert as_runner.get(f"/runs/fresh/?{words}").status_code == 400
    assert as_runner.get("/runs/menu/nonsense/").status_code == 404


def test_any_setting_and_metric_is_a_column(as_runner: Client, rich: Run) -> None:
    page = text(as_runner, "/runs/?cols=optimizer.lr,metric.validation/held_out_success,note&sort=-optimizer.lr,name")
    assert ">optimizer.lr ↓<sup>1</sup></a>" in page
    assert "0.2917" in page
    assert 'data-also="-optimizer.lr,-name"' in page
    assert "held_out_success" in page
    chooser = text(as_runner, "/runs/columns/?cols=optimizer.lr,success")
    assert chooser.index('value="optimizer.lr" checked') < chooser.index('value="success" checked')
    assert 'value="owner">' in chooser
    assert "No run has a setting" in text(as_runner, "/runs/?cols=no.such")


def test_the_usual_list_costs_few_queries_however_many_runs(
    as_runner: Client, runner: User, team: Team, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    for number in range(12):
        titled_run(runner, team, f"Run {number}")
    with django_assert_max_num_queries(12):
        page = text(as_runner, "/runs/?q=optimizer.lr>0&sort=-success,name")
    assert len(ROW.findall(page)) == 12


def test_a_full_page_is_below_sixty_kilobytes(as_runner: Client, rich: Run, team: Team) -> None:
    rich.refresh_from_db()
    for number in range(pages.PAGE_SIZE + 1):
        rich.pk, rich.name, rich.tags = f"run{number:09}", f"lr 1e-{number}, clip 0.2", ["baseline", "paper"]
        rich.status, rich.sparkline = RunStatus.FINISHED, [0.1, 0.35, 0.3, 0.8] * 15
        rich.save(force_insert=True)
    page = as_runner.get("/runs/?q=status:finished&sort=name").content
    assert len(ROW.findall(page.decode())) == pages.PAGE_SIZE
    assert len(page) < 60_000


def test_a_row_is_small(as_runner: Client, rich: Run) -> None:
    page = text(as_runner, "/runs/")
    row = re.search(r'<tr class="linked".*?</tr>', page, re.DOTALL)
    assert row is not None
    assert len(row[0]) < 1200
    assert len(page) - len(row[0]) < 14_000


def test_the_count_is_told_apart_from_the_page(as_runner: Client, runner: User, team: Team) -> None:
    titled_run(runner, team, "One")
    assert text(as_runner, "/runs/count/?q=name:one") == "1 run"
    assert text(as_runner, "/runs/count/?q=name:two") == "0 runs"
    assert as_runner.get("/runs/count/?q=step:x").status_code == 422


def test_csv_holds_the_view_and_no_formulas(as_runner: Client, runner: User, team: Team, as_stranger: Client) -> None:
    run = titled_run(runner, team, "=HYPERLINK(1)")
    other = titled_run(runner, team, "Other")
    Run.objects.filter(pk=run.pk).update(successes=3, attempts_count=4)
    answer = as_runner.get("/runs/export.csv?cols=success,optimizer.lr,created,ran&sort=name")
    lines = list(csv.reader(answer.content.decode().splitlines()))
    assert lines[0] == ["id", "name", "success", "success_n", "success_of", "optimizer.lr", "created", "ran_s"]
    assert lines[1][:5] == [run.pk, "'=HYPERLINK(1)", "0.75", "3", "4"]
    assert [line[0] for line in lines[1:]] == [run.pk, other.pk]
    chosen = as_runner.get(f"/runs/export.csv?runs={other.pk},nothing").content.decode()
    assert run.pk not in chosen
    assert other.pk in chosen
    assert other.pk not in as_stranger.get(f"/runs/export.csv?runs={other.pk}").content.decode()


def test_groups_are_shown_with_counts_and_intervals(as_runner: Client, runner: User, team: Team) -> None:
    for seed, wins in ((1, 27), (2, 9)):
        run = titled_run(runner, team, f"s{seed}", seed=seed)
        Run.objects.filter(pk=run.pk).update(successes=wins, attempts_count=36)
    page = text(as_runner, "/runs/?group=optimizer.lr")
    assert "50.0 % (36/72)" in page
    assert "38.7 – 61.3 %" in page
    assert "50 ± 35.36 % (2 runs)" in page
    assert "2 queued" in page
    assert "There is nothing to group" in text(as_runner, "/runs/?group=seed&q=zebra")


def test_a_note_is_kept_shown_as_text_and_found(as_runner: Client, as_viewer: Client, run: Run) -> None:
    as_runner.post(f"/runs/{run.pk}/edit/", {"name": run.name, "note": "<script>\nsecond line"})
    assert "&lt;script&gt;<br>second line" in text(as_runner, f"/runs/{run.pk}/")
    assert rows(as_viewer, "/runs/?q=%22second+line%22") == [run.pk]
    assert as_viewer.post(f"/runs/{run.pk}/edit/", {"note": "x"}, headers={"HX-Request": "true"}).status_code == 403
    too_long = as_runner.post(f"/runs/{run.pk}/edit/", {"note": "x" * 4001}, headers={"HX-Request": "true"})
    assert too_long.status_code == 409
    run.refresh_from_db()
    assert run.note == "<script>\nsecond line"


def test_the_form_of_columns_leads_to_one_short_address(as_runner: Client, run: Run) -> None:
    answer = as_runner.get("/runs/?q=&sort=-created&group=&col=name&col=status&col=seed,+optimizer.lr&col=")
    assert answer.url == "/runs/?cols=name,status,seed,optimizer.lr"
