"""Fills a console with a team's year of runs, varied from the recorded one: for benchmarks, pictures and trying out."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.api.history.filling import HistoryRefused, fill_history
from webapp.counted import counted
from webapp.runs.models import Run


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--runs", type=int, default=200)
        parser.add_argument("--episodes", type=int, default=20_000, help="at least so many, over a few of the runs")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--force", action="store_true", help="also into a console with runs of people")

    def handle(self, *args: Any, **options: Any) -> None:
        real = Run.objects.filter(is_example=False).count()
        if real and not options["force"]:
            raise CommandError(
                f"This console holds {real} runs of people; made-up ones beside them would mislead. Use another "
                "database (DATABASE_URL), or --force."
            )
        try:
            filled = fill_history(
                runs=options["runs"], episodes=options["episodes"], seed=options["seed"], tell=self.stdout.write
            )
        except HistoryRefused as error:
            raise CommandError(str(error)) from error
        runs, deep = counted(filled.runs, "run"), filled.deep_runs
        self.stdout.write(f"{runs} in {filled.team.name}, {deep} of them with {filled.episodes} episodes")
