"""Where a run comes from and what came of it: clones, checkpoints measured and continued, tries."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from tests.web.pages.factories import rich_run, titled_run
from tests.web.pages.test_new_run import words_of
from webapp.accounts.models import Membership, Role, Team, User
from webapp.runs.models import Run
from webapp.runs.runfolder import run_dir
from webapp.runs.services import create_run


@pytest.fixture
def trained(runner: User, team: Team) -> Run:
    return rich_run(runner, team, "Trained")[0]


def test_a_new_run_begins_with_a_checkpoints_weights(as_runner: Client, trained: Run) -> None:
    checkpoint = trained.checkpoints.get()
    page = unescape(as_runner.get(f"/runs/new/?continue={checkpoint.pk}").content.decode())
    assert "Continue from Trained, step 2" in page
    weights = str(run_dir(trained.pk) / checkpoint.export_path)
    assert f'value="{weights}"' in page
    words = words_of(title="Onwards", model__path=weights)
    as_runner.post("/runs/new/", {**words, "continue": str(checkpoint.pk)})
    run = Run.objects.get(name="Onwards")
    assert (run.parent, run.from_checkpoint, run.kind) == (trained, checkpoint, "train")
    assert run.config["model"]["path"] == weights


def test_the_lineage_names_parents_children_and_what_was_measured(
    as_runner: Client, trained: Run, runner: User, team: Team
) -> None:
    checkpoint = trained.checkpoints.get()
    as_runner.post("/runs/new/", {**words_of(title="Measured", kind="evaluate"), "evaluate": str(checkpoint.pk)})
    as_runner.post("/runs/new/", {**words_of(title="Onwards"), "continue": str(checkpoint.pk)})
    as_runner.post("/runs/new/", {**words_of(title="Again"), "clone": trained.pk})
    page = as_runner.get(f"/runs/{trained.pk}/config/").content.decode()
    lineage = page[page.index("Lineage") : page.index("</section>", page.index("Lineage"))]
    for name in ("Measured", "Onwards", "Again"):
        assert name in lineage
    assert "Cloned as" in lineage and lineage.index("Measured") < lineage.index("Cloned as") < lineage.index("Again")
    assert "tries: 1 of 3" in lineage
    child = Run.objects.get(name="Measured")
    of_child = as_runner.get(f"/runs/{child.pk}/config/").content.decode()
    assert "Trained</a> →" in of_child and "measures the checkpoint of step 2" in of_child


def test_a_run_without_relatives_says_so(as_runner: Client, run: Run) -> None:
    assert (
        "Nothing came before it and nothing came of it yet."
        in as_runner.get(f"/runs/{run.pk}/config/").content.decode()
    )


def test_what_another_team_made_of_a_shared_example_is_not_told(
    as_runner: Client, trained: Run, stranger: User
) -> None:
    Run.objects.filter(pk=trained.pk).update(is_example=True)
    blues = Team.objects.get(name="Blues")
    from arpo_engine.contract.config import RunConfig

    create_run(owner=stranger, team=blues, config=RunConfig(title="Secret plans"), parent=trained)
    assert "Secret plans" not in as_runner.get(f"/runs/{trained.pk}/config/").content.decode()


def test_another_teams_checkpoint_begins_nothing(as_stranger: Client, trained: Run) -> None:
    page = as_stranger.get(f"/runs/new/?continue={trained.checkpoints.get().pk}").content.decode()
    assert "Continue from" not in page and "Trained" not in page


def test_a_checkpoint_without_an_export_begins_nothing(as_runner: Client, trained: Run) -> None:
    trained.checkpoints.update(export_path="")
    checkpoint = trained.checkpoints.get()
    assert "Continue from" not in as_runner.get(f"/runs/new/?continue={checkpoint.pk}").content.decode()
    assert "Continue from here" not in as_runner.get(f"/runs/{trained.pk}/config/").content.decode()


def test_a_clone_shows_its_difference_from_the_parent_and_from_the_preset_behind_it(
    as_runner: Client, runner: User, team: Team
) -> None:
    parent = titled_run(runner, team, "Parent", rollout={"group_size": 12})
    words = {**words_of(rollout__group_size="16"), "clone": parent.pk}
    page = as_runner.post("/runs/new/check/", words).content.decode()
    first, second = page.split("Different from the preset", 1)
    assert "Different from Parent" in first and "<del>12</del>" in first and "<ins>16</ins>" in first
    assert "<del>8</del>" in second and "<ins>16</ins>" in second


def test_the_bound_of_tries_is_kept_shown_and_granted_again(as_runner: Client) -> None:
    as_runner.post("/runs/new/", {**words_of(title="Once"), "tries": "1"})
    run = Run.objects.get()
    assert (run.tries, run.max_attempts) == (1, 1)
    assert 'name="tries" value="1"' in as_runner.get(f"/runs/new/?clone={run.pk}").content.decode()


def test_the_difference_of_a_viewer_is_read_only(as_viewer: Client, trained: Run, viewer: User) -> None:
    assert Membership.objects.get(user=viewer).role == Role.VIEWER
    page = as_viewer.get(f"/runs/{trained.pk}/config/").content.decode()
    assert "Lineage" in page and "Continue from here" not in page
