"""Queues the `pocket_demo` preset as the first admin, just as the form does, and prints where the run is as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from webapp.accounts.services import create_first_team_and_admin
from webapp.runs.presets import FIRST, find_preset
from webapp.runs.services import create_run


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        preset = find_preset(FIRST)
        if preset is None:
            raise CommandError(f"configs/{FIRST}.yaml is missing; restore it from the repository")
        if preset.config is None:
            raise CommandError(f"configs/{FIRST}.yaml cannot be used: {preset.problem}")
        first = create_first_team_and_admin()
        run = create_run(owner=first.user, team=first.team, config=preset.config, preset=preset.name)
        self.stdout.write(json.dumps({"run": str(run.pk), "path": reverse("runs:detail", args=[run.pk])}))
