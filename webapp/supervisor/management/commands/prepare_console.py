"""Brings the database up to date, makes the first team and admin, and prints a one-time sign-in link as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.urls import reverse

from webapp.accounts.services import create_first_team_and_admin, make_sign_in_link


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()  # `./arpo check` runs them; a start should not wait for them

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        admin = create_first_team_and_admin().user
        path = reverse("accounts:sign_in_link", args=[make_sign_in_link(user=admin)])
        self.stdout.write(json.dumps({"username": admin.username, "sign_in_path": path}))
