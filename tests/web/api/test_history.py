"""Histories made from one recorded run: each agrees with its own episodes, and a copy with what was taken in."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.db.models import Count, Q

from tests.web.builders import make_run
from webapp.accounts.models import Team, User
from webapp.api.example import bundled_examples
from webapp.api.history.copying import copy_run, models_of_a_run
from webapp.api.history.filling import fill_history
from webapp.api.history.recipes import TEAM
from webapp.api.history.variation import Variation, varied
from webapp.episodes.models import Episode, Group, GroupMember, Step, Validation
from webapp.metrics.models import Bucket, Point, Series
from webapp.runs.models import Run, RunAttempt
from webapp.tryouts.models import Direction, Tryout

pytestmark = pytest.mark.django_db

SHORT = (
    Variation(seed=1, last_step=5, restarted_from=2, fault_share=0.2),
    Variation(seed=2, last_step=4, kept_tasks=0.5),
)


@pytest.fixture(scope="module")
def recording() -> list[dict[str, Any]]:
    """The recorded run that ships, as lines."""
    with zipfile.ZipFile(bundled_examples()[0]) as archive:
        name = next(name for name in archive.namelist() if name.endswith("events.jsonl"))
        return [json.loads(line) for line in archive.read(name).decode().splitlines()]


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line["event"] for line in lines if line["event"]["kind"] == kind]


def test_the_same_variation_is_the_same_run_and_another_seed_is_another(recording: list[dict[str, Any]]) -> None:
    half = Variation(seed=3, last_step=4, kept_tasks=0.5, fault_share=0.2)
    other = Variation(seed=4, last_step=4, kept_tasks=0.5, fault_share=0.2)
    assert varied(recording, half) == varied(recording, half)
    assert varied(recording, half) != varied(recording, other)


def test_what_a_varied_run_says_of_a_step_is_what_its_episodes_did(recording: list[dict[str, Any]]) -> None:
    lines = varied(recording, Variation(seed=3, last_step=5, kept_tasks=0.6, fault_share=0.3))
    starts = {event["episode_id"]: event for event in of_kind(lines, "EpisodeStarted")}
    done: Counter[int] = Counter()
    tried: Counter[int] = Counter()
    for end in of_kind(lines, "EpisodeEnded"):
        start = starts[end["episode_id"]]
        if start["split"] == "train" and not start["infeasible"] and end["score"] is not None:
            tried[start["step"]] += 1
            done[start["step"]] += end["score"] > 0
    told = {event["step"]: (event["successes"], event["attempts"]) for event in of_kind(lines, "StepFinished")}
    assert told == {step: (done[step], tried[step]) for step in range(1, 6)}
    curve = {event["step"]: event["values"].get("train/success") for event in of_kind(lines, "MetricsLogged")}
    assert all(curve[step] == pytest.approx(done[step] / tried[step]) for step in range(1, 6))
    faulty = {end["episode_id"] for end in of_kind(lines, "EpisodeEnded") if end["fault"]}
    assert faulty
    assert not faulty & {
        member["episode_id"] for group in of_kind(lines, "GroupCollected") for member in group["members"]
    }


def test_a_restarted_run_goes_on_in_a_second_attempt_with_numbers_of_its_own(recording: list[dict[str, Any]]) -> None:
    lines = varied(recording, Variation(seed=1, last_step=8, restarted_from=3))
    second = [line for line in lines if line["attempt"] == 2]
    assert second[0]["event"]["kind"] == "RunStarted"
    assert second[0]["event"]["resumed_from_step"] == 3
    assert [line["seq"] for line in second] == list(range(1, len(second) + 1))
    assert [event["step"] for event in of_kind(second, "StepFinished")] == [4, 5, 6, 7, 8]


def test_a_copied_run_has_every_row_of_the_one_that_was_taken_in(db: None) -> None:
    source = Run.objects.get(team=fill_history(runs=1, episodes=1, variations=SHORT).team)
    of_a_person = Direction(tryout=Tryout.objects.create(run=source), attempt=1, number=1, kind="go", data={})
    of_a_person.save()
    another = Run.objects.get(pk=source.pk)
    another.pk, another.best_checkpoint = "copy00000000", None
    another.save(force_insert=True)
    copy_run(source, another, timedelta(days=-3))
    for model in models_of_a_run():
        assert rows_of(model, another) == rows_of(model, source), model
    assert Direction.objects.filter(tryout__run=another).count() == 1
    assert another.episodes.count() == source.episodes_count > 300
    newest = [Group.objects.filter(run=run).aggregate(at=models.Max("collected_at"))["at"] for run in (another, source)]
    assert newest[1] - newest[0] == timedelta(days=3)
    members = GroupMember.objects.filter(group__run=another)
    assert not members.exclude(episode=None).exclude(episode__run=another).exists()
    assert Step.objects.filter(episode__run=another).count() == Step.objects.filter(episode__run=source).count() > 0
    secrets = RunAttempt.objects.filter(run__in=(another, source)).values_list("token_hash", flat=True)
    assert len(set(secrets)) == 4


def rows_of(model: type[models.Model], run: Run) -> Counter[str]:
    """A run's rows of a table without what must differ: ids, times and the secret."""
    plain = [
        field.attname
        for field in model._meta.concrete_fields
        if not field.is_relation and not isinstance(field, models.DateTimeField)
        if not field.primary_key and field.name not in ("token_hash", "id")
    ]
    rows = model._default_manager.filter(**{path_to_run(model): run})
    return Counter(repr(row) for row in rows.values_list(*plain))


def path_to_run(model: type[models.Model]) -> str:
    """The lookup that leads from a row to the run that it is deleted with."""
    for field in model._meta.concrete_fields:
        above = field.related_model if isinstance(field, models.ForeignKey) else None
        if above is Run:
            return field.name
        owned = isinstance(field, models.ForeignKey) and field.remote_field.on_delete is models.CASCADE
        if owned and isinstance(above, type) and above in models_of_a_run():
            return f"{field.name}__{path_to_run(above)}"
    raise AssertionError(f"{model} hangs off no run")


def test_deep_runs_agree_with_their_episodes_and_light_ones_have_their_latest_numbers(db: None) -> None:
    filled = fill_history(runs=12, episodes=1000, variations=SHORT)
    assert (filled.runs, filled.deep_runs) == (12, 3)
    runs = Run.objects.filter(team=filled.team)
    for run in runs.exclude(episodes_count=0):
        last = run.attempts.count()
        step = Episode.objects.filter(run=run, attempt=last, split="train", step=run.step, infeasible=False)
        counted = step.aggregate(
            done=Count("pk", filter=Q(score__gt=0)), tried=Count("pk", filter=Q(score__isnull=False))
        )
        assert (counted["done"], counted["tried"]) == (run.successes, run.attempts_count)
        assert Validation.objects.filter(run=run).exists()
        assert Point.objects.filter(series__run=run).exists()
        assert Bucket.objects.filter(series__run=run).exists()
    light = runs.filter(episodes_count=0)
    assert light.count() == 9
    assert all(Series.objects.filter(run=run, key="train/success").exists() for run in light)


def test_a_console_with_runs_of_people_is_not_filled_with_made_up_ones(team: Team, runner: User) -> None:
    make_run(runner, team)
    with pytest.raises(CommandError, match="holds 1 runs of people"):
        call_command("fill_history", runs=1, episodes=1, stdout=StringIO())
    assert not Team.objects.filter(name=TEAM).exists()
