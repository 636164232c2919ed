"""Task sets: maintainers ask for an import of a folder where runs run, all of the team see what came of it."""

from __future__ import annotations

import pytest
from django.test import Client

from arpo_engine.contract.osworld import (
    AssetCount,
    DomainCount,
    ImportedTask,
    OsworldReport,
    ProviderCount,
    Reason,
    RefusedTask,
    SplitCount,
)
from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.benchmarks import services
from webapp.benchmarks.models import TaskSetImport

TASK = ImportedTask(
    id="one",
    domain="os",
    instruction="Do it",
    content_hash="ab34",
    infeasible=False,
    network="live",
    obstacles={"docker": ("needs the web",), "vmware": ()},
)
REPORT = OsworldReport(
    source="/srv/OSWorld/evaluation_examples",
    edition="arpo",
    task_set_hash="0123456789abcdef",
    tasks=(TASK,),
    refused=(RefusedTask(file="examples/os/bad.json", why="unknown step type '<b>host</b>'"),),
    domains=(DomainCount(domain="os", tasks=1, infeasible=0, live=1),),
    providers=(
        ProviderCount(
            provider="docker",
            runnable=0,
            feasible=0,
            reasons=(Reason(why="needs the web while it runs", tasks=1, example="one"),),
        ),
    ),
    splits=(SplitCount(split="test_all", tasks=1, left_out=1),),
    assets=AssetCount(addresses=4, here=3, adopted=2),
    written_to="/data/tasks/osworld-arpo",
)


@pytest.fixture
def maintainer(team: Team) -> User:
    return make_person("mia", team, Role.MAINTAINER)


@pytest.fixture
def done(maintainer: User, team: Team) -> TaskSetImport:
    wanted = services.request_import(owner=maintainer, team=team, path="/srv/OSWorld", only_look=False)
    services.conclude(wanted, REPORT.model_dump(mode="json"))
    return wanted


def test_a_maintainer_asks_for_an_import_and_it_is_written_down(as_person: SignIn, maintainer: User) -> None:
    browser = as_person(maintainer)
    assert "Import OSWorld" in browser.get("/task-sets/").content.decode()
    page = browser.post("/task-sets/import/", {"path": " /srv/OSWorld ", "only_look": "on"}, follow=True)
    wanted = TaskSetImport.objects.get()
    assert (wanted.path, wanted.only_look, wanted.state) == ("/srv/OSWorld", True, "waiting")
    assert "Import of /srv/OSWorld" in page.content.decode()
    assert "Waiting for a worker" in page.content.decode()
    audited = AuditEntry.objects.get(action="task_set.import")
    assert (audited.actor, audited.data) == (maintainer, {"path": "/srv/OSWorld", "only_look": True})
    assert audited.ip == "127.0.0.1"


def test_a_runner_may_look_and_not_import(as_runner: Client, done: TaskSetImport) -> None:
    page = as_runner.get("/task-sets/").content.decode()
    assert "/srv/OSWorld" in page
    assert "Folder on the engine" not in page
    refused = as_runner.post("/task-sets/import/", {"path": "/srv/OSWorld"})
    assert refused.status_code == 403
    assert "role maintainer or higher" in refused.content.decode()
    assert TaskSetImport.objects.count() == 1


@pytest.mark.parametrize("path", ["", "OSWorld", "../OSWorld", "--json", "/a\nb", "/" + "a" * 500])
def test_what_is_no_path_is_answered_at_the_form(as_person: SignIn, maintainer: User, path: str) -> None:
    answer = as_person(maintainer).post("/task-sets/import/", {"path": path})
    assert answer.status_code == 422
    assert "is no path on the engine" in answer.content.decode()
    assert not TaskSetImport.objects.exists()


def test_the_page_shows_counts_what_runs_where_and_why_not(as_viewer: Client, done: TaskSetImport) -> None:
    page = as_viewer.get(f"/task-sets/{done.pk}/").content.decode()
    for text in (
        "<b>1 task</b>",
        "ARPO&#x27;s wording",
        "0123456789abcdef",
        "3 of 4 files",
        "2 of them taken over",
        "needs the web while it runs (1)",
        "tasks.source = /data/tasks/osworld-arpo",
        "test_all",
        "hash ab34",
        "needs the web</span>",
        "unknown step type &#x27;&lt;b&gt;host",
    ):
        assert text in page.replace("ARPO's", "ARPO&#x27;s"), text


def test_the_part_that_changes_asks_again_only_while_it_reads(
    as_person: SignIn, maintainer: User, team: Team, done: TaskSetImport
) -> None:
    wanted = services.request_import(owner=maintainer, team=team, path="/srv/other", only_look=True)
    browser = as_person(maintainer)
    assert "hx-get" in browser.get(f"/task-sets/{wanted.pk}/state/").content.decode()
    services.give_up(wanted, "/srv/other holds no examples")
    page = browser.get(f"/task-sets/{wanted.pk}/state/").content.decode()
    assert "/srv/other holds no examples" in page
    assert "hx-get" not in page
    assert "hx-get" not in browser.get(f"/task-sets/{done.pk}/state/").content.decode()


def test_another_team_sees_nothing_of_it(as_stranger: Client, done: TaskSetImport) -> None:
    assert as_stranger.get(f"/task-sets/{done.pk}/").status_code == 404
    assert as_stranger.get(f"/task-sets/{done.pk}/state/").status_code == 404
    assert "/srv/OSWorld" not in as_stranger.get("/task-sets/", follow=True).content.decode()


def test_who_is_not_signed_in_is_sent_to_sign_in(client: Client, done: TaskSetImport) -> None:
    assert client.get(f"/task-sets/{done.pk}/").status_code == 302
    assert client.post("/task-sets/import/", {"path": "/x"}).status_code == 302
