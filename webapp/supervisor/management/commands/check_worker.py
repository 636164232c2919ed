"""Sends a word through broker and worker and back: a worker that lives but takes nothing fails it, and no ping does."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.runs.queue import worker_answers


class Command(BaseCommand):
    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--within", type=float, default=20.0, help="seconds to wait for the answer")

    def handle(self, *args: Any, **options: Any) -> None:
        if not worker_answers(timeout_s=options["within"]):
            raise CommandError(f"no worker answered within {options['within']:.0f} s; restart it and look at its log")
        self.stdout.write("a worker answered")
