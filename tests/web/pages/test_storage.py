"""The storage page: who sees it, the dry run before anything holds, bad numbers, the typed word, and pins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.episodes.models import Frame
from webapp.runs.models import Run, RunStatus
from webapp.storage import services
from webapp.storage.models import RunPin, TeamRetention
from webapp.storage.services import DELETE_NOW

RULES = {"thin_days": "10", "frame_days": "60", "checkpoint_days": "", "keep_last": "2", "event_days": "30"}


@pytest.fixture
def as_maintainer(as_person: SignIn, team: Team) -> Client:
    return as_person(make_person("mia", team, Role.MAINTAINER))


@pytest.fixture
def old(rich: Run) -> Run:
    """It ended a hundred days ago and holds 2 GB in one screenshot."""
    Frame.objects.filter(run=rich).delete()
    Frame.objects.create(
        run=rich, sha256="a" * 64, media_type="image/webp", width=8, height=6, size=2_000_000_000,
        stored_at=timezone.now(),
    )  # fmt: skip
    ended = timezone.now() - timedelta(days=100)
    Run.objects.filter(pk=rich.pk).update(status=RunStatus.FINISHED, finished_at=ended, frames_bytes=2_000_000_000)
    rich.refresh_from_db()
    return rich


def test_everybody_of_the_team_sees_what_its_runs_hold(old: Run, as_viewer: Client) -> None:
    page = as_viewer.get("/storage/").content.decode()
    assert old.name in page and "2 GB" in page and "Maintainers of the team change the rules" in page
    assert 'name="thin_days"' not in page and "<button" not in page[page.index("By run") : page.index("Deleted lately")]


def test_another_team_sees_nothing_of_it(old: Run, as_stranger: Client) -> None:
    for address in ("/storage/", "/storage/plan/"):
        page = as_stranger.get(address)
        assert page.status_code == 200 and old.name not in page.content.decode()
    assert as_stranger.post(f"/runs/{old.pk}/pin/", {"pinned": "yes"}).status_code == 404
    assert not RunPin.objects.exists()


def test_a_team_without_runs_is_told_so(as_stranger: Client) -> None:
    assert "The team has no runs yet" in as_stranger.get("/storage/").content.decode()


def test_the_dry_run_says_what_would_go_and_changes_nothing(old: Run, as_viewer: Client) -> None:
    page = as_viewer.get("/storage/plan/").content.decode()
    assert "Would delete 2 GB of 1 run" in page and "Delete now" not in page
    assert Frame.objects.filter(run=old).exists()
    RunPin.objects.create(run=old)
    page = as_viewer.get("/storage/plan/").content.decode()
    assert "Would delete nothing, 1 pinned kept" in page


def test_the_rule_for_folders_of_archived_runs_is_set_like_the_others(old: Run, as_maintainer: Client) -> None:
    assert "Delete folders of archived runs" in as_maintainer.get("/storage/").content.decode()
    page = as_maintainer.post("/storage/rules/", {**RULES, "folder_days": "45"}).content.decode()
    assert "folders of archived runs: after 45 days in the archive" in page
    as_maintainer.post("/storage/rules/", {**RULES, "folder_days": "45", "seen": "yes"})
    assert TeamRetention.objects.get(team=old.team).folder_days == 45


def test_new_rules_hold_only_after_their_dry_run_was_seen(old: Run, as_maintainer: Client) -> None:
    page = as_maintainer.post("/storage/rules/", RULES).content.decode()
    assert "What the new rules would delete" in page and "Would delete 2 GB" in page
    assert not TeamRetention.objects.exists()
    assert as_maintainer.post("/storage/rules/", {**RULES, "seen": "yes"}).status_code == 302
    row = TeamRetention.objects.get(team=old.team)
    assert (row.thin_days, row.frame_days, row.checkpoint_days, row.keep_last) == (10, 60, None, 2)
    entry = AuditEntry.objects.get(action="storage.rules_set")
    assert entry.data["old"]["frame_days"] == 90 and entry.data["new"]["frame_days"] == 60


@pytest.mark.parametrize("word", ["-1", "0", "many", "1e9", "9" * 30, "1.5", "\x00", "NaN", "36501"])
def test_a_bad_number_is_named_at_its_field(as_maintainer: Client, word: str) -> None:
    for field in ("frame_days", "keep_last"):
        answer = as_maintainer.post("/storage/rules/", {**RULES, field: word, "seen": "yes"})
        assert answer.status_code == 422 and f'id="{field}-error"' in answer.content.decode()
    assert not TeamRetention.objects.exists()


def test_a_thinning_after_all_is_gone_is_refused_with_the_reason(as_maintainer: Client) -> None:
    answer = as_maintainer.post("/storage/rules/", {**RULES, "thin_days": "60", "seen": "yes"})
    assert answer.status_code == 422 and "does nothing; thin earlier" in answer.content.decode()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RUNNER])
def test_who_does_not_maintain_the_team_changes_no_rule_and_deletes_nothing(
    as_person: SignIn, team: Team, role: Role
) -> None:
    client = as_person(make_person("rob", team, role))
    assert client.post("/storage/rules/", {**RULES, "seen": "yes"}).status_code == 403
    assert client.post("/storage/delete/", {"typed": team.name}).status_code == 403
    assert not TeamRetention.objects.exists() and not AuditEntry.objects.filter(action="storage.asked").exists()


def test_deleting_now_asks_for_the_teams_name(old: Run, as_maintainer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr(services.rules, "enqueue", lambda *words: sent.append(words))
    answer = as_maintainer.post("/storage/delete/", {"typed": "reds"})
    assert answer.status_code == 422 and "nothing was deleted" in answer.content.decode() and not sent
    assert as_maintainer.post("/storage/delete/", {"typed": "Reds"}).status_code == 302
    asked = AuditEntry.objects.get(action="storage.asked")
    assert sent == [(DELETE_NOW, str(old.team_id), str(asked.actor_id))]


def test_owners_pin_their_runs_and_viewers_do_not(
    rich: Run, as_runner: Client, as_viewer: Client, runner: User
) -> None:
    as_viewer.post(f"/runs/{rich.pk}/pin/", {"pinned": "yes"})
    assert not RunPin.objects.exists()
    for _ in range(2):
        as_runner.post(f"/runs/{rich.pk}/pin/", {"pinned": "yes"})
    assert RunPin.objects.get(run=rich).pinned_by == runner
    assert "nothing of it is deleted with time" in as_viewer.get(f"/runs/{rich.pk}/artifacts/").content.decode()
    as_runner.post(f"/runs/{rich.pk}/pin/", {"pinned": "no", "back": "storage"})
    assert not RunPin.objects.exists()
    actions = AuditEntry.objects.filter(object_id=rich.pk, action__endswith="pinned").order_by("id")
    assert list(actions.values_list("action", flat=True)) == ["run.pinned", "run.unpinned"]


def test_an_example_cannot_be_pinned(rich: Run, as_runner: Client) -> None:
    Run.objects.filter(pk=rich.pk).update(is_example=True)
    answer = as_runner.post(f"/runs/{rich.pk}/pin/", {"pinned": "yes", "back": "storage"}, follow=True)
    assert "recorded example" in answer.content.decode() and not RunPin.objects.exists()


def test_names_of_runs_are_escaped(old: Run, as_maintainer: Client) -> None:
    Run.objects.filter(pk=old.pk).update(name="<script>alert(1)</script>")
    for address in ("/storage/", "/storage/plan/"):
        assert "<script>alert(1)" not in as_maintainer.get(address).content.decode()
