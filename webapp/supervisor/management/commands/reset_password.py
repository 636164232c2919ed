"""Sets a person's password from standard input, or prints a one-time sign-in link; for who is locked out."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from webapp.accounts.models import User
from webapp.accounts.services import FIRST_ADMIN, make_sign_in_link, reset_password


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", nargs="?", default=FIRST_ADMIN, help=f"whose password (default: {FIRST_ADMIN})")
        parser.add_argument("--link", action="store_true", help="print a one-time sign-in link instead, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            known = ", ".join(User.objects.order_by("username").values_list("username", flat=True)[:10]) or "nobody yet"
            raise CommandError(f"there is no account {options['username']!r}; known: {known}")
        if options["link"]:
            path = reverse("accounts:sign_in_link", args=[make_sign_in_link(user=user)])
            self.stdout.write(json.dumps({"username": user.username, "sign_in_path": path}))
            return
        try:
            reset_password(user=user, password=self._ask())
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        self.stdout.write(f"The password of {user.username} is changed.")

    def _ask(self) -> str:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        first, again = getpass.getpass("New password: "), getpass.getpass("Once more: ")
        if first != again:
            raise CommandError("the two passwords differ; nothing was changed")
        return first
