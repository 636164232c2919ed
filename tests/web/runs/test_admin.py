"""The operator's pages: everything can be looked at, nothing that is audited can be changed."""

from __future__ import annotations

import pytest
from django.test import Client

from webapp.accounts.models import AuditEntry, User
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator", password="a long and quiet river"))
    return client


def test_the_operator_sees_people_teams_runs_and_the_audit_log(operator: Client, run: Run) -> None:
    for path in ("accounts/user", "accounts/team", "accounts/auditentry", "runs/run"):
        assert operator.get(f"/admin/{path}/").status_code == 200
    assert run.name in operator.get(f"/admin/runs/run/{run.pk}/change/").content.decode()


def test_the_audit_log_and_runs_cannot_be_changed_there(operator: Client, run: Run) -> None:
    entry = AuditEntry.objects.first()
    assert entry is not None
    for path in (f"accounts/auditentry/{entry.pk}/delete", f"runs/run/{run.pk}/delete", "runs/run/add"):
        assert operator.post(f"/admin/{path}/", {"post": "yes"}).status_code == 403


def test_a_member_has_no_business_there(client: Client, runner: User) -> None:
    client.force_login(runner)
    assert client.get("/admin/runs/run/").status_code == 302
