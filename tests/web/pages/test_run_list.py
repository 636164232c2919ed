"""The home page: what is listed for whom, filters and pages in the address, and rows that are patched."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from tests.web.pages.factories import in_status, titled_run
from webapp.accounts.models import Team, User
from webapp.runs import selectors
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
    assert "<polyline" in page


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
    assert rows(as_runner, "/runs/?status=nonsense") == [second.pk, first.pk]
    empty = as_runner.get("/runs/?q=zebra").content.decode()
    assert "No run matches" in empty
    assert 'value="zebra"' in empty


def test_archived_runs_are_apart(as_runner: Client, runner: User, team: Team) -> None:
    old = in_status(titled_run(runner, team, "Old"), RunStatus.FINISHED)
    as_runner.post(f"/runs/{old.pk}/archive/")
    assert rows(as_runner, "/runs/") == []
    assert rows(as_runner, "/runs/?archived=1") == [old.pk]


@pytest.mark.parametrize("sort", ["-started", "started", "name", "-name", "step", "-success"])
def test_pages_show_every_run_once(
    as_runner: Client, runner: User, team: Team, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr(selectors, "PAGE_SIZE", 3)
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
    for word in ("nonsense", "e30=", "%00", "W10="):
        assert rows(as_runner, f"/runs/?after={word}") == [run.pk]


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
