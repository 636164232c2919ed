"""An import of a task set: a job of the engine where runs run, whose printed report becomes the page's."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.web.builders import make_person
from tests.workers.cluster import FakeCluster
from webapp.accounts.models import Role, Team
from webapp.benchmarks.models import TaskSetImport
from webapp.benchmarks.services import request_import
from workers import imports

pytestmark = pytest.mark.django_db

REPORT = {"source": "/srv/OSWorld", "edition": "today", "task_set_hash": "ab", "tasks": []}


@pytest.fixture
def wanted(cluster: FakeCluster, team: Team) -> TaskSetImport:
    maintainer = make_person("mia", team, Role.MAINTAINER)
    return request_import(owner=maintainer, team=team, path="/srv/OS World; rm -rf ~", only_look=False)


def _step(wanted: TaskSetImport) -> bool:
    again = imports.advance_import(str(wanted.pk))
    wanted.refresh_from_db()
    return again


def _job(cluster: FakeCluster) -> str:
    return str(cluster.submitted[0]["submission_id"])


def test_the_engine_reads_the_folder_and_its_report_is_kept(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    assert _step(wanted) is True
    command = cluster.submitted[0]["entrypoint"]
    assert "arpo_engine import-osworld --json '/srv/OS World; rm -rf ~'" in command
    assert wanted.state == "reading"
    assert _step(wanted) is True
    cluster.ends(_job(cluster), "SUCCEEDED", 0, log="noise\n" + json.dumps(REPORT) + "\nmore noise")
    assert _step(wanted) is False
    assert wanted.state == "done"
    assert wanted.report is not None and wanted.report["task_set_hash"] == "ab"
    assert wanted.ended_at is not None
    assert _step(wanted) is False
    assert len(cluster.submitted) == 1


def test_a_folder_that_cannot_be_read_says_why(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    _step(wanted)
    cluster.ends(_job(cluster), "FAILED", 2, log="error: /srv holds neither examples/\nlast words of Ray")
    _step(wanted)
    assert (wanted.state, wanted.message) == ("failed", "/srv holds neither examples/")


def test_a_log_without_a_report_is_shown_as_it_is(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    _step(wanted)
    cluster.ends(_job(cluster), "FAILED", 1, log='{"task_set_hash": torn\nModuleNotFoundError: rich')
    _step(wanted)
    assert wanted.state == "failed"
    assert "ModuleNotFoundError: rich" in wanted.message


def test_without_a_cluster_it_says_so_at_once(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    cluster.away = True
    assert _step(wanted) is False
    assert "does not answer" in wanted.message


def test_one_that_found_no_machine_says_what_it_asked_for(
    cluster: FakeCluster, wanted: TaskSetImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "GIVE_UP_AFTER", timedelta(0))
    _step(wanted)
    cluster.jobs[_job(cluster)]["status"] = "PENDING"
    assert _step(wanted) is False
    assert wanted.message.startswith("The import found no machine: what ARPO_ENGINE_RESOURCES names")
    assert cluster.stops == [_job(cluster)]


def test_one_that_nobody_looks_at_any_more_is_ended(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    _step(wanted)
    imports.close_forgotten()
    wanted.refresh_from_db()
    assert not wanted.has_ended
    TaskSetImport.objects.update(created_at=timezone.now() - timedelta(hours=1))
    imports.close_forgotten()
    wanted.refresh_from_db()
    assert wanted.state == "failed" and "ask for it again" in wanted.message


def test_without_readable_resources_it_says_so_at_once(
    cluster: FakeCluster, wanted: TaskSetImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARPO_ENGINE_RESOURCES", "8 GPUs")
    assert _step(wanted) is False
    assert "give a JSON object" in wanted.message


def test_a_job_that_the_cluster_lost_is_asked_for_again(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    _step(wanted)
    cluster.jobs.clear()
    assert _step(wanted) is False
    assert "lost the import" in wanted.message


def test_an_import_that_is_no_more_is_left_alone(cluster: FakeCluster, wanted: TaskSetImport) -> None:
    number = str(wanted.pk)
    wanted.delete()
    assert imports.advance_import(number) is False
    assert not cluster.submitted
