"""One world for the whole walk: made once, looked at by every test, taken back before any other test begins."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from tests.web.walk.world import World, make_world


@pytest.fixture(scope="module")  # a folder without __init__ is no package: it would stand until the last test
def standing_world(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    valkey: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """The world, in a transaction that is never committed; its frames and run folders are its own."""
    folder = tmp_path_factory.mktemp("walk")
    cheap = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with (
        django_db_blocker.unblock(),
        override_settings(MEDIA_ROOT=folder / "media", RUNS_DIR=folder / "runs", PASSWORD_HASHERS=cheap),
        transaction.atomic(),
    ):
        yield make_world()
        transaction.set_rollback(True)


@pytest.fixture
def own_folders() -> None:
    """The standing world's folders are used; no test has its own."""


@pytest.fixture
def db(standing_world: World) -> Iterator[None]:
    """What a test changes is taken back after it; pytest-django sorts the tests by this fixture's name."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def world(standing_world: World, db: None) -> World:
    return standing_world
