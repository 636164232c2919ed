"""The recorded run that ships with the product, loaded through the same door as a live engine's events.

What a visitor clicks through while the engine installs is therefore exactly what a run of their own will look like.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from django.db import transaction

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.reporting import SPOOL_NAME, last_attempt, read_spool
from webapp.accounts.models import Team, User
from webapp.accounts.secrets import digest_of, make_secret
from webapp.api.spool import ship_spool
from webapp.runs.models import RUN_ID_ALPHABET, RUN_ID_LENGTH, Run, RunAttempt
from webapp.runs.services import create_example_run

EXAMPLE_FOLDER: Final = Path(__file__).resolve().parent.parent / "runs" / "example"
MAX_UNPACKED_BYTES: Final = 200 * 1024 * 1024


class ExampleUnusable(Exception):
    """A recorded run cannot be loaded; the text says what is wrong with the file."""


def bundled_examples() -> list[Path]:
    """The recorded runs in the tree."""
    return sorted(EXAMPLE_FOLDER.glob("*.zip"))


def load_example(file: Path, *, owner: User, team: Team) -> tuple[Run, bool]:
    """The run of a zipped run folder, and whether it is new: the same file is loaded once only.

    Raises:
        ExampleUnusable: the file is no zipped run folder.
    """
    run_id = example_id(file)
    present = Run.objects.filter(pk=run_id).first()
    if present is not None:
        return present, False
    with tempfile.TemporaryDirectory(prefix="arpo-example-") as place:
        folder = unpack_example(file, Path(place))
        try:
            with transaction.atomic():
                run = _load(folder, run_id, owner, team)
        except (ArpoError, OSError, ValueError) as error:
            raise ExampleUnusable(f"{file.name} cannot be loaded: {error}; record it again") from error
    return run, True


def example_id(file: Path) -> str:
    """An id that follows from the file's bytes, so that an address of an example is the same on every console."""
    number = int.from_bytes(hashlib.sha256(file.read_bytes()).digest(), "big")
    letters = []
    for _ in range(RUN_ID_LENGTH):
        number, place = divmod(number, len(RUN_ID_ALPHABET))
        letters.append(RUN_ID_ALPHABET[place])
    return "".join(letters)


def _load(folder: Path, run_id: str, owner: User, team: Team) -> Run:
    config = parse_config(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    spool = folder / SPOOL_NAME
    first = next(iter(read_spool(spool, attempt=0)), None)
    if first is None:
        raise ValueError(f"{SPOOL_NAME} is empty")
    run = create_example_run(run_id=run_id, owner=owner, team=team, config=config, name=config.title, begun_at=first.at)
    for number in range(1, last_attempt(spool) + 1):
        # The secret is thrown away: nothing will ever speak for this attempt again.
        attempt = RunAttempt.objects.create(run=run, number=number, token_hash=digest_of(make_secret("run")))
        ship_spool(attempt, folder)
    run.refresh_from_db()
    if not run.has_ended:
        raise ValueError(f"it ends while it is {run.status}; record a run to its end")
    return run


def unpack_example(file: Path, place: Path) -> Path:
    """Unpack a zipped run folder into `place`; the run folder is the one that holds the spool.

    Raises:
        ExampleUnusable: the file is no zipped run folder.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MAX_UNPACKED_BYTES:
                raise ExampleUnusable(f"{file.name} unpacks to {size} bytes; at most {MAX_UNPACKED_BYTES} are taken")
            archive.extractall(place)
    except (zipfile.BadZipFile, OSError) as error:
        raise ExampleUnusable(f"{file} is no zip file that can be read ({error}); restore it") from error
    spool = next(place.rglob(SPOOL_NAME), None)
    if spool is None:
        raise ExampleUnusable(f"{file.name} holds no {SPOOL_NAME}; zip a whole run folder")
    return spool.parent
