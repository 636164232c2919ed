"""Loads the recorded runs that ship with the console, each once, so that there is something to look at at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.accounts.services import create_first_team_and_admin
from webapp.api.example import ExampleUnusable, bundled_examples, load_example


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="zipped run folders (default: those in the tree)")

    def handle(self, *args: Any, **options: Any) -> None:
        files = options["files"] or bundled_examples()
        if not files:
            self.stdout.write("no recorded run is in the tree")
        first = create_first_team_and_admin()
        for file in files:
            try:
                run, new = load_example(file, owner=first.user, team=first.team)
            except ExampleUnusable as error:
                raise CommandError(str(error)) from error
            self.stdout.write(f"{file.name}: run {run.pk} {'loaded' if new else 'is there already'}")
