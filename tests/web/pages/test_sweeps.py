"""Sweeps: `a, b, c` in a field, the number of runs before anything starts, one run for each combination."""

from __future__ import annotations

import time
from html import unescape

import pytest
from django.test import Client

from tests.web.pages.test_new_run import words_of
from webapp.accounts.models import AuditEntry, Team, User
from webapp.runs.forms import RunForm
from webapp.runs.models import Run
from webapp.runs.planning_models import Sweep


def sweep_words(shown: str = "6", **extra: str) -> dict[str, str]:
    return {**words_of(title="Rates", optimizer__lr="1e-5, 3e-5, 1e-4", seed="1, 2"), "runs_shown": shown, **extra}


def test_the_rail_says_how_many_runs_before_anything_is_started(as_runner: Client) -> None:
    page = as_runner.post("/runs/new/check/", sweep_words()).content.decode()
    assert "6 runs" in page and 'data-runs-count="6"' in page
    assert "optimizer.lr</code>: 1e-05, 3e-05, 0.0001" in page
    assert "seed=1, lr=1e-05" in page and "seed=2, lr=0.0001" in page
    assert not Run.objects.exists()


def test_a_run_for_each_combination_is_queued_and_the_sweep_shows_only_what_differs(
    as_runner: Client, runner: User
) -> None:
    answer = as_runner.post("/runs/new/", sweep_words(tags="lr"))
    sweep = Sweep.objects.get()
    assert answer.url == f"/runs/sweeps/{sweep.pk}/"
    runs = list(sweep.runs.order_by("created_at"))
    assert {(run.config["optimizer"]["lr"], run.config["seed"]) for run in runs} == {
        (lr, seed) for lr in (1e-5, 3e-5, 1e-4) for seed in (1, 2)
    }
    assert runs[0].name == "Rates · seed=1, lr=1e-05" and runs[0].tags == ["lr"]
    assert AuditEntry.objects.get(action="sweep.created").data["runs"] == 6
    page = as_runner.get(answer.url).content.decode()
    assert "sweep of 6 runs" in page and "<code>optimizer.lr</code>" in page and "group_size" not in page
    assert page.count('data-label="optimizer.lr"') == 6, "a card on a phone says which value is whose"
    assert f"/compare/?runs={runs[0].pk}" in page


def test_nothing_starts_until_the_number_of_runs_was_seen(as_runner: Client) -> None:
    answer = as_runner.post("/runs/new/", sweep_words(shown="1"))
    page = unescape(answer.content.decode())
    assert answer.status_code == 200 and "Nothing was started yet: this sweep has 6 runs" in page
    assert "Start 6 runs" in page and 'name="runs_shown" value="6"' in page
    assert 'value="1e-5, 3e-5, 1e-4"' in page, "what was typed stays"
    assert not Run.objects.exists()


def test_words_and_switches_are_swept_by_lines_and_what_only_counts_for_another_choice_is_left_out(
    as_runner: Client,
) -> None:
    lines = "algorithm.kind: grpo, arpo\r\nvalidation.before_training: on, off\n"
    as_runner.post("/runs/new/", {**words_of(), "sweep": lines, "runs_shown": "4"})
    configs = list(Run.objects.values_list("config", flat=True))
    assert sorted((one["algorithm"]["kind"], one["validation"]["before_training"]) for one in configs) == [
        ("arpo", False), ("arpo", True), ("grpo", False), ("grpo", True),
    ]  # fmt: skip
    assert all(("replay" in one["algorithm"]) == (one["algorithm"]["kind"] == "arpo") for one in configs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"c.optimizer.lr": "1e-5, fast"}, "'fast' is not a number"),
        ({"c.optimizer.lr": "1e-5, 1e-5"}, "optimizer.lr has 1e-05 twice"),
        ({"c.rollout.group_size": "1,000"}, "write 1000 for one number"),
        ({"c.rollout.group_size": "8,"}, "has 1 value; a sweep needs two or more"),
        ({"c.rollout.group_size": "8, 1"}, "with rollout.group_size = 1: rollout.group_size 1 is too small"),
        ({"c.seed": ",".join(map(str, range(1, 66)))}, "seed has 65 values, too many at once; a sweep has at most 64"),
        ({"c.seed": "1,2", "sweep": "optimizer.lr: " + ",".join(f"{n}e-6" for n in range(1, 34))}, "66 runs are too"),
        ({"sweep": 'model.path: "a\\0b", c'}, "holds a character that no text has"),
        ({"sweep": 'model.path: "a\\ud800b", c'}, "holds a character that no text has"),
        ({"sweep": "optimizer.lr"}, "has no values; write a line such as"),
        ({"sweep": "nothing.here: 1, 2"}, "is no setting that can be swept"),
        ({"sweep": "title: a, b"}, "is no setting that can be swept"),
        ({"sweep": "seed: 1, 2", "c.seed": "3, 4"}, "seed is swept twice"),
        ({"sweep": "algorithm.kind: grpo, ppo"}, "with algorithm.kind = ppo"),
        ({"sweep": "model.path: ]{, b"}, "is not YAML"),
        ({"sweep": "<script>alert(1)</script>: a, b"}, "is no setting that can be swept"),
        ({"c.seed": "1, " + "9" * 5000}, ""),
        ({"c.optimizer.lr": "nan, inf"}, ""),
    ],
)
def test_a_sweep_that_cannot_be_read_is_named_with_its_cure_and_nothing_starts(
    as_runner: Client, changes: dict[str, str], message: str
) -> None:
    answer = as_runner.post("/runs/new/", {**words_of(), "runs_shown": "2", **changes})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422 and message in page
    assert "<script>alert(1)" not in answer.content.decode()
    assert not Run.objects.exists() and not Sweep.objects.exists()


def test_a_list_of_a_million_values_is_counted_and_not_compared(as_runner: Client) -> None:
    began = time.process_time()
    words = {**words_of(), "c.seed": ",".join(map(str, range(1, 1_000_000)))}
    assert "too many at once" in as_runner.post("/runs/new/check/", words).content.decode()
    assert time.process_time() - began < 20, "each beside every other would take hours"


def test_a_sweep_is_started_whole_or_not_at_all(as_runner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from webapp.runs.errors import RunRefused
    from webapp.runs.services import sweeps

    real, count = sweeps.create_run, []

    def refusing(**words: object) -> Run:
        count.append(1)
        if len(count) == 4:
            raise RunRefused("The fourth one is refused.")
        return real(**words)  # type: ignore[arg-type]

    monkeypatch.setattr(sweeps, "create_run", refusing)
    answer = as_runner.post("/runs/new/", sweep_words())
    assert answer.status_code == 422 and "The fourth one is refused" in answer.content.decode()
    assert not Run.objects.exists() and not Sweep.objects.exists()


def test_a_viewer_starts_no_sweep_and_a_stranger_sees_none(
    as_viewer: Client, as_runner: Client, as_stranger: Client
) -> None:
    assert as_viewer.post("/runs/new/", sweep_words()).status_code == 403
    as_runner.post("/runs/new/", sweep_words())
    sweep = Sweep.objects.get()
    assert as_viewer.get(f"/runs/sweeps/{sweep.pk}/").status_code == 200
    assert as_stranger.get(f"/runs/sweeps/{sweep.pk}/").status_code == 404
    assert as_runner.get("/runs/sweeps/99999999999999999999999/").status_code == 404


def test_one_run_is_no_sweep(as_runner: Client, team: Team) -> None:
    form = RunForm.from_post(words_of())
    assert (form.runs_count, form.axes) == (1, [])
