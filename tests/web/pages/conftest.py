"""What the page tests begin with: the team's people signed in, and a run that has seen everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from tests.web.pages.factories import rich_run
from webapp.accounts.models import Team, User
from webapp.runs.models import Run

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """Hashing that is slow on purpose has its place in production."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def as_person() -> SignIn:
    """A browser in which this person is signed in."""

    def sign_in(person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return sign_in


@pytest.fixture
def as_runner(as_person: SignIn, runner: User) -> Client:
    return as_person(runner)


@pytest.fixture
def as_viewer(as_person: SignIn, viewer: User) -> Client:
    return as_person(viewer)


@pytest.fixture
def as_stranger(as_person: SignIn, stranger: User) -> Client:
    return as_person(stranger)


@pytest.fixture
def rich(runner: User, team: Team) -> Run:
    """A run that is under way, with groups, a rescue, a retry, a measurement and a checkpoint."""
    return rich_run(runner, team)[0]
