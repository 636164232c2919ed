"""A team's year of runs: a few with every episode, the others with their line in the list and their latest numbers.

Deep runs are variations of one recorded run, taken in through the engine's own door, and copies of those inside the
database. Light runs are what such a run would show in the list at some step; they have no episodes and no curves.
"""

from __future__ import annotations

import itertools
import json
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import connection, transaction

from arpo_engine.contract.config import RunConfig, config_hash, parse_config
from arpo_engine.contract.events import Envelope
from arpo_engine.contract.reporting import SPOOL_NAME
from webapp.accounts.models import Membership, Role, Team, User
from webapp.accounts.secrets import digest_of, make_secret
from webapp.accounts.services import create_team
from webapp.api.example import bundled_examples, unpack_example
from webapp.api.history.copying import copy_run
from webapp.api.history.recipes import PEOPLE, SETTINGS, TAGS, TEAM, VARIATIONS, WORDS
from webapp.api.history.variation import Line, Variation, varied
from webapp.api.ingest import ingest
from webapp.api.spool import BATCH_LINES, ship_frames
from webapp.bulk import copy_rows
from webapp.metrics.models import Series
from webapp.runs.models import Run, RunAttempt, RunKind, RunStatus, new_run_id
from webapp.runs.services.settings_index import index_settings

YEAR: Final = timedelta(days=365)
ARCHIVED_SHARE: Final = 0.05

Tell = Callable[[str], None]
SeriesEnd = tuple[str, int, float | None]
"""Key of a series with its last step and value."""


class HistoryRefused(Exception):
    """This console is not filled with made-up runs; the text says why and how it could be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What was made."""

    team: Team
    runs: int
    deep_runs: int
    episodes: int


def fill_history(
    *,
    runs: int,
    episodes: int,
    seed: int = 0,
    variations: Sequence[Variation] = VARIATIONS,
    tell: Tell = lambda _: None,
) -> Filled:
    """Make a team with so many runs, of which as many are deep as it takes for so many episodes.

    Raises:
        HistoryRefused: the team is there already.
    """
    if Team.objects.filter(name=TEAM).exists():
        raise HistoryRefused(f"There is a team {TEAM!r} already; delete it and its runs, or use another database.")
    dice = random.Random(seed)
    team, people = _people()
    with tempfile.TemporaryDirectory(prefix="arpo-history-") as place:
        folder = unpack_example(bundled_examples()[0], Path(place))
        recording = [json.loads(line) for line in (folder / SPOOL_NAME).read_text(encoding="utf-8").splitlines()]
        config = parse_config(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        maker = _Maker(team, people, config, dice)
        deep = list(_originals(maker, variations[:runs], recording, folder, episodes, tell))
    made = sum(run.episodes_count for run in deep)
    for source in itertools.cycle(tuple(deep)):
        if made >= episodes or len(deep) >= runs:
            break
        deep.append(maker.copy_of(source))
        made += source.episodes_count
        tell(f"{len(deep)} runs with {made} episodes")
    rest = runs - len(deep)
    maker.light(deep[: len(variations)], rest)
    tell(f"{rest} more runs with their line in the list")
    return Filled(team=team, runs=runs, deep_runs=len(deep), episodes=made)


def _people() -> tuple[Team, list[User]]:
    people = [User.objects.get_or_create(username=name, defaults={"display_name": full})[0] for name, full in PEOPLE]
    team = create_team(name=TEAM, admin=people[0])
    for person, role in zip(people[1:], (Role.MAINTAINER, Role.RUNNER, Role.RUNNER), strict=True):
        Membership.objects.create(user=person, team=team, role=role)
    return team, people


def _originals(
    maker: _Maker, variations: Sequence[Variation], recording: Sequence[Line], folder: Path, episodes: int, tell: Tell
) -> Iterator[Run]:
    made = 0
    for variation in variations:
        run = maker.ingested(varied(recording, variation), folder)
        made += run.episodes_count
        tell(f"{run.name}: {run.episodes_count} episodes taken in")
        yield run
        if made >= episodes:
            return


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes runs of one team, each with settings, an owner, tags and a day of its own."""

    team: Team
    people: Sequence[User]
    config: RunConfig
    dice: random.Random

    def ingested(self, lines: Sequence[Line], folder: Path) -> Run:
        """A run whose lines came in as an engine's would."""
        envelopes = [Envelope.model_validate(line) for line in lines]
        begun_at = envelopes[0].at
        run = self._row(begun_at, RunStatus.PREPARING)
        run.save(force_insert=True)
        index_settings([run])
        for number, of_attempt in itertools.groupby(envelopes, key=lambda line: line.attempt):
            attempt = RunAttempt.objects.create(run=run, number=number, token_hash=digest_of(make_secret("run")))
            while batch := list(itertools.islice(of_attempt, BATCH_LINES)):
                ingest(attempt, batch)
            ship_frames(attempt, folder)
        RunAttempt.objects.filter(run=run, ended_at=None).update(
            state=RunAttempt.State.LOST, reason="The machine was restarted", ended_at=begun_at
        )
        run.refresh_from_db()
        Run.objects.filter(pk=run.pk).update(status_at=run.finished_at or begun_at)
        return run

    def copy_of(self, source: Run) -> Run:
        """A run with all rows of another one, on another day, with settings and an owner of its own."""
        later = -self.dice.random() * YEAR
        run = self._row(source.created_at + later, RunStatus(source.status))
        _take_progress(run, source, later)
        run.save(force_insert=True)
        copy_run(source, run, later)
        index_settings([run])
        return run

    def light(self, sources: Sequence[Run], count: int) -> None:
        """Runs that have their row and the latest value of each of a source's curves."""
        values = {
            source.pk: list(Series.objects.filter(run=source).values_list("key", "last_step", "last_value"))
            for source in sources
        }
        for start in range(0, count, 1000):
            chosen = [self.dice.choice(sources) for _ in range(min(1000, count - start))]
            self._light_rows([(self._light_row(source), source) for source in chosen], values)

    @transaction.atomic
    def _light_rows(self, rows: Sequence[tuple[Run, Run]], values: Mapping[str, Sequence[SeriesEnd]]) -> None:
        Run.objects.bulk_create([row for row, _ in rows])
        with connection.cursor() as cursor:
            # The foreign keys' checks keep the plan of their first time, when a look through all rows was quickest.
            cursor.execute(f"ANALYZE {Run._meta.db_table}")
        index_settings([row for row, _ in rows])
        series = (
            (row.pk, key, step, None if value is None else value * (0.85 + 0.3 * self.dice.random()))
            for row, source in rows
            for key, step, value in values[source.pk]
        )
        copy_rows(Series, ("run_id", "key", "last_step", "last_value"), series)

    def _light_row(self, source: Run) -> Run:
        later = -self.dice.random() * YEAR
        run = self._row(source.created_at + later, RunStatus(source.status))
        _take_progress(run, source, later)
        luck = 0.6 + 0.4 * self.dice.random()
        run.successes = round(run.successes * luck)
        run.held_out_successes = round(run.held_out_successes * luck)
        run.sparkline = [None if share is None else round(share * luck, 4) for share in source.sparkline]
        run.last_cursor = run.episodes_count = run.faults_count = run.frames_bytes = run.replay_size = 0
        return run

    def _row(self, at: datetime, status: RunStatus) -> Run:
        config, words = self._settings()
        name = ", ".join(words) or "Defaults"
        return Run(
            id=new_run_id(),
            team=self.team,
            owner=self.dice.choice(self.people),
            name=name,
            kind=RunKind.TRAIN,
            preset=self.dice.choice(("pocket_demo", "pocket_demo", "pocket_grpo", "")),
            tags=self.dice.sample(TAGS, self.dice.choice((0, 1, 1, 2))),
            config=config.model_dump(mode="json"),
            config_hash=config_hash(config),
            total_steps=config.limits.steps,
            status=status,
            status_at=at,
            created_at=at,
            queued_at=at,
            started_at=at,
            archived_at=at + timedelta(days=1) if self.dice.random() < ARCHIVED_SHARE else None,
        )

    def _settings(self) -> tuple[RunConfig, list[str]]:
        """The recorded run's config with a few settings changed, and those in words for its name."""
        data = self.config.model_dump(mode="json")
        words = []
        for path, choices in self.dice.sample(SETTINGS, 2):
            value = self.dice.choice(choices)
            *folders, last = path.split(".")
            place = data
            for folder in folders:
                place = place[folder]
            if place[last] != value:
                place[last] = value
                words.append(WORDS[path].format(value))
        data["title"] = ", ".join(words) or "Defaults"
        return parse_config(data), words


def _take_progress(run: Run, source: Run, later: timedelta) -> None:
    for name in (
        "status_reason", "phase", "phase_detail", "step", "successes", "attempts_count", "held_out_successes",
        "held_out_attempts", "sparkline_stride", "episodes_count", "faults_count", "replay_size", "desktops",
        "last_cursor", "frames_bytes",
    ):  # fmt: skip
        setattr(run, name, deepcopy(getattr(source, name)))
    run.sparkline = list(source.sparkline)
    for name in ("status_at", "started_at", "finished_at", "progress_at"):
        at = getattr(source, name)
        setattr(run, name, at + later if at else None)
