"""A run beside the published pipeline: the page, its downloads, and runs that have nothing to show yet."""

from __future__ import annotations

import json
import subprocess
import sys

from django.test import Client

from arpo_engine.contract import events as wire
from tests.web.pages.factories import Engine, titled_run
from webapp.accounts.models import Team, User
from webapp.runs.models import Run


def started(*checks: wire.NumericCheck) -> wire.RunStarted:
    provenance = wire.Provenance(config_hash="c" * 16, task_set_hash="87f0d26efd9596b4", seed=1)
    return wire.RunStarted(run_kind="train", total_steps=20, train_tasks=96, provenance=provenance, checks=list(checks))


def test_each_component_has_its_verdict_with_both_values_and_the_evidence(as_viewer: Client, rich: Run) -> None:
    page = as_viewer.get(f"/runs/{rich.pk}/fidelity/").content.decode()
    for component in ("framework", "algorithm", "replay", "KL", "clip ratios", "learning rate", "optimizer", "rewards",
                      "OSWorld revision", "task list", "model", "scale", "provider"):  # fmt: skip
        assert f'<th scope="row" class="cell-name">{component}</th>' in page
    assert "optimizer.kind = adamw_bf16" in page
    assert "recorded: 1 replayed successes in" in page
    assert 'aria-current="page">Fidelity</a>' in page


def test_a_run_that_has_not_begun_is_compared_by_its_config_and_says_so(
    as_runner: Client, runner: User, team: Team
) -> None:
    queued = titled_run(runner, team)
    page = as_runner.get(f"/runs/{queued.pk}/fidelity/").content.decode()
    assert "It has no events yet: only its config was compared." in page
    assert "recorded:" not in page


def test_numbers_of_the_engine_and_hashes_are_the_evidence(as_runner: Client, runner: User, team: Team) -> None:
    made = titled_run(runner, team)
    wrong = wire.NumericCheck(component="clip ratios", agrees=False, told="computed by the engine: -1.2")
    Engine(made).say(started(wrong))
    report = as_runner.get(f"/runs/{made.pk}/fidelity.json").json()
    rows = {row["component"]: row for row in report["rows"]}
    assert rows["clip ratios"]["likeness"] == "different"
    assert rows["clip ratios"]["evidence"].endswith("computed by the engine: -1.2")
    assert "96 tasks with hash 87f0d26efd9596b4" in rows["task list"]["evidence"]
    assert report["notes"] == []


def test_a_run_of_an_older_engine_says_what_is_missing_and_how_to_get_it(
    as_runner: Client, runner: User, team: Team
) -> None:
    made = titled_run(runner, team)
    Engine(made).say(started())
    page = as_runner.get(f"/runs/{made.pk}/fidelity/").content.decode()
    assert "Its engine computed no numbers as it began" in page
    assert f"./arpo verify --run {made.pk}" in page


def test_the_report_can_be_kept_and_laid_beside_the_other_published_run(as_viewer: Client, rich: Run) -> None:
    kept = as_viewer.get(f"/runs/{rich.pk}/fidelity.md?against=subset32")
    assert kept.headers["Content-Disposition"] == f'attachment; filename="fidelity-{rich.pk}.md"'
    assert "Beside examples/osworld_subset32.sh, on 16 desktops." in kept.content.decode()
    other = as_viewer.get(f"/runs/{rich.pk}/fidelity.json?against=full128")
    assert json.loads(other.content)["reference"] == "examples/osworld_full_arpo.sh, on 128 desktops"
    assert as_viewer.get(f"/runs/{rich.pk}/fidelity/?against=nonsense").status_code == 200


def test_a_config_of_another_version_is_not_compared(as_viewer: Client, rich: Run) -> None:
    Run.objects.filter(pk=rich.pk).update(config={**rich.config, "no_such_part": 1})
    assert "so it cannot be compared" in as_viewer.get(f"/runs/{rich.pk}/fidelity/").content.decode()
    assert as_viewer.get(f"/runs/{rich.pk}/fidelity.md").status_code == 404


def test_a_hostile_name_stays_text(as_runner: Client, runner: User, team: Team) -> None:
    made = titled_run(runner, team, name="<script>alert(1)</script> | x", model={"path": "<img src=x>"})
    assert "<script>alert" not in as_runner.get(f"/runs/{made.pk}/fidelity/").content.decode()
    assert "<script>" not in as_runner.get(f"/runs/{made.pk}/fidelity.md").content.decode()


def test_the_report_needs_no_torch() -> None:
    code = "import sys, arpo_engine.contract.fidelity.recorded; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
