"""Presets of a team: saved from a run or the form, shown in the picker, locked for runners, edited by maintainers."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client

from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import titled_run
from tests.web.pages.test_new_run import words_of
from webapp.accounts.models import AuditEntry, Role, Team, User
from webapp.runs.config_tree import as_yaml
from webapp.runs.models import Run
from webapp.runs.planning_models import TeamPreset
from webapp.runs.presets import find_preset
from webapp.runs.services.team_presets import retire_preset, save_preset


@pytest.fixture
def maintainer(team: Team) -> User:
    return make_person("max", team, Role.MAINTAINER)


@pytest.fixture
def as_maintainer(as_person: SignIn, maintainer: User) -> Client:
    return as_person(maintainer)


@pytest.fixture
def preset(team: Team, maintainer: User) -> TeamPreset:
    """The demo with the rate and all of the replay locked."""
    demo = find_preset("pocket_demo")
    assert demo is not None
    locked = ["optimizer.lr", "algorithm.replay", "validation.before_training"]
    words = {"name": "House rules", "story": "As we do it", "config": demo.tree(), "locked": locked}
    return save_preset(team=team, actor=maintainer, **words)


def begun(preset: TeamPreset, **changes: str | None) -> dict[str, str]:
    words = words_of(**changes)
    del words["preset"]
    return {**words, "team_preset": str(preset.pk)}


def test_a_runs_settings_become_a_preset_that_stands_in_the_picker(
    as_maintainer: Client, as_runner: Client, runner: User, team: Team, maintainer: User
) -> None:
    run = titled_run(runner, team, "Good one", rollout={"group_size": 12})
    assert "Save as preset" in as_maintainer.get(f"/runs/{run.pk}/").content.decode()
    page = unescape(as_maintainer.get(f"/runs/presets/new/?run={run.pk}").content.decode())
    assert 'value="Good one"' in page and "group_size: 12" in page
    words = {"name": "Good <one>", "story": "Try me", "yaml": as_yaml(run.config), "locked": ["rollout.group_size"]}
    as_maintainer.post("/runs/presets/new/", words)
    saved = TeamPreset.objects.get()
    assert (saved.config, saved.locked, saved.created_by) == (run.config, ["rollout.group_size"], maintainer)
    picker = as_runner.get(f"/runs/new/?team_preset={saved.pk}").content.decode()
    assert "Good &lt;one&gt;" in picker and "Try me" in picker and "1 setting locked" in picker
    assert AuditEntry.objects.get(action="preset.saved").data["locked"] == ["rollout.group_size"]


def test_the_forms_settings_become_a_preset(as_maintainer: Client) -> None:
    page = as_maintainer.post("/runs/presets/from-form/", words_of(title="From here", rollout__group_size="16"))
    assert page.status_code == 200 and "group_size: 16" in unescape(page.content.decode())
    swept = as_maintainer.post("/runs/presets/from-form/", words_of(seed="1, 2"), follow=True)
    assert "a sweep is no preset" in swept.content.decode()


def test_locked_settings_are_shown_and_cannot_be_typed_into_by_runners(as_runner: Client, preset: TeamPreset) -> None:
    page = as_runner.get(f"/runs/new/?team_preset={preset.pk}").content.decode()
    box = page.split('id="f-optimizer.lr"')[1].split(">")[0]
    assert " disabled" in box and "Locked by the preset" in page
    free = page.split('id="f-rollout.group_size"')[1].split(">")[0]
    assert " disabled" not in free


def test_a_browser_leaves_disabled_fields_out_and_the_preset_fills_them(as_runner: Client, preset: TeamPreset) -> None:
    words = begun(preset, rollout__group_size="12")
    for path in list(words):
        if path.startswith(("c.optimizer.lr", "c.algorithm.replay", "c.validation.before_training")):
            del words[path]
    as_runner.post("/runs/new/", words)
    run = Run.objects.get()
    assert run.team_preset == preset and run.config["rollout"]["group_size"] == 12
    for part in ("optimizer", "validation"):
        assert run.config[part] == preset.config[part]
    assert run.config["algorithm"]["replay"] == preset.config["algorithm"]["replay"]


def test_what_is_locked_counts_in_the_check_where_it_will_run(
    as_runner: Client, preset: TeamPreset, valkey: str
) -> None:
    words = {name: word for name, word in begun(preset).items() if not name.startswith("c.optimizer.lr")}
    assert "Mend the settings first" not in as_runner.post("/runs/new/preflight/", words).content.decode()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"optimizer__lr": "0.5"}, "optimizer.lr"),
        ({"algorithm__replay__capacity_per_task": "99"}, "algorithm.replay.capacity_per_task"),
        ({"optimizer__lr": "1e-5, 1e-4"}, "optimizer.lr"),
    ],
)
def test_a_form_that_changes_a_locked_setting_after_all_is_refused(
    as_runner: Client, preset: TeamPreset, changes: dict[str, str], field: str
) -> None:
    answer = as_runner.post("/runs/new/", {**begun(preset, **changes), "runs_shown": "2"})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422 and f'"{field}": "is locked at' in page
    assert not Run.objects.exists()
    swept = as_runner.post("/runs/new/", {**begun(preset), "sweep": "optimizer.lr: 1, 2", "runs_shown": "2"})
    assert swept.status_code == 422 and "so it cannot be swept" in unescape(swept.content.decode())


def test_a_switch_that_is_locked_on_cannot_be_left_out_nor_one_that_is_off_be_sent(
    as_runner: Client, maintainer: User, preset: TeamPreset
) -> None:
    on = preset.config["validation"]["before_training"]
    answer = as_runner.post("/runs/new/", begun(preset, validation__before_training=None if on else "on"))
    assert answer.status_code in (302, 422)
    assert all(run.config["validation"]["before_training"] == on for run in Run.objects.all())


def test_maintainers_may_change_what_is_locked(as_maintainer: Client, preset: TeamPreset) -> None:
    as_maintainer.post("/runs/new/", begun(preset, optimizer__lr="0.5"))
    assert Run.objects.get().config["optimizer"]["lr"] == 0.5


def test_a_clone_stays_under_the_locks_of_its_preset(as_runner: Client, preset: TeamPreset) -> None:
    as_runner.post("/runs/new/", begun(preset))
    parent = Run.objects.get()
    assert "Locked by the preset" in as_runner.get(f"/runs/new/?clone={parent.pk}").content.decode()
    words = words_of(optimizer__lr="0.5")
    answer = as_runner.post("/runs/new/", {**words, "clone": parent.pk})
    assert answer.status_code == 422 and Run.objects.count() == 1


def test_a_name_that_is_taken_and_settings_that_are_none_are_refused_and_nothing_typed_is_lost(
    as_maintainer: Client, preset: TeamPreset
) -> None:
    good = as_yaml(preset.config)
    for words, message in (
        ({"name": "House rules", "yaml": good}, "has a preset named 'House rules' already"),
        ({"name": "", "yaml": good}, "The name has 0 letters"),
        ({"name": "x" * 81, "yaml": good}, "The name has 81 letters"),
        ({"name": "New", "yaml": "rollout: {group_size: 1}"}, "rollout.group_size"),
        ({"name": "New", "yaml": "- a\n- b"}, "holds no settings"),
        ({"name": "New", "yaml": "a: &a [*a]"}, "The pasted text"),
        ({"name": "New", "yaml": good, "locked": ["nothing.here"]}, "'nothing.here' is no setting"),
        ({"name": "New", "yaml": good, "story": "x" * 3000}, "The story has 3000 letters"),
    ):
        answer = as_maintainer.post("/runs/presets/new/", {"story": "kept words", **words})
        page = unescape(answer.content.decode())
        assert answer.status_code == 422 and message in page, message
        assert "kept words" in page or "story" in words
    assert TeamPreset.objects.count() == 1


def test_the_second_of_two_editors_sees_both_texts_and_saves_on_purpose(
    as_maintainer: Client, as_person: SignIn, team: Team, preset: TeamPreset
) -> None:
    address = f"/runs/presets/{preset.pk}/"
    first = {"name": preset.name, "version": "1", "yaml": as_yaml({**preset.config, "seed": 111})}
    second = {"name": preset.name, "version": "1", "yaml": as_yaml({**preset.config, "seed": 222})}
    as_maintainer.post(address, first)
    other = as_person(make_person("mia", team, Role.MAINTAINER))
    answer = other.post(address, second)
    page = unescape(answer.content.decode())
    assert answer.status_code == 409 and "max edited this preset since you opened it" in page
    assert "seed: 111" in page and "seed: 222" in page
    preset.refresh_from_db()
    assert preset.config["seed"] == 111
    other.post(address, {**second, "version": "2"})
    preset.refresh_from_db()
    assert (preset.config["seed"], preset.version) == (222, 3)


def test_editing_keeps_the_locks_of_groups_within_a_section(as_maintainer: Client, preset: TeamPreset) -> None:
    page = as_maintainer.get(f"/runs/presets/{preset.pk}/").content.decode()
    boxes = [part.split(">")[0] for part in page.split('name="locked" value="')[1:]]
    assert {box.split('"')[0] for box in boxes if "checked" in box} == set(preset.locked)
    assert page.index("kind: train") < page.index("model:") < page.index("limits:"), "in the order of the form"


def test_a_retired_preset_begins_nothing_and_can_be_brought_back(
    as_maintainer: Client, as_runner: Client, preset: TeamPreset
) -> None:
    as_maintainer.post(f"/runs/presets/{preset.pk}/retire/")
    assert "House rules" not in as_runner.get("/runs/new/").content.decode()
    assert "House rules" in as_runner.get("/runs/presets/").content.decode()
    as_runner.post("/runs/new/", begun(preset))
    assert Run.objects.get().team_preset is None, "a page from before falls back to no preset of the team"
    refused = as_maintainer.post(f"/runs/presets/{preset.pk}/", {"name": "x", "version": "1", "yaml": "{}"})
    assert refused.status_code == 422
    as_maintainer.post(f"/runs/presets/{preset.pk}/restore/")
    assert "House rules" in as_runner.get("/runs/new/").content.decode()


def test_only_maintainers_change_presets_and_strangers_see_none(
    as_runner: Client, as_viewer: Client, as_stranger: Client, runner: User, team: Team, preset: TeamPreset
) -> None:
    good = {"name": "Sly", "yaml": as_yaml(preset.config), "version": "1"}
    for client in (as_runner, as_viewer):
        assert client.post("/runs/presets/new/", good).status_code == 403
        assert client.post(f"/runs/presets/{preset.pk}/", good).status_code == 403
        assert client.post(f"/runs/presets/{preset.pk}/retire/").status_code == 403
    assert "House rules" not in as_stranger.get("/runs/presets/").content.decode()
    for address in (f"/runs/presets/{preset.pk}/", f"/runs/new/?team_preset={preset.pk}"):
        assert "House rules" not in as_stranger.get(address).content.decode()
    assert as_stranger.get(f"/runs/presets/{preset.pk}/").status_code == 404
    preset.refresh_from_db()
    assert preset.name == "House rules" and preset.retired_at is None


@pytest.mark.parametrize("word", ["abc", "-1", "9" * 30, "1; DROP TABLE"])
def test_a_preset_that_is_no_number_begins_the_usual_one(as_runner: Client, word: str) -> None:
    assert as_runner.get("/runs/new/", {"team_preset": word, "continue": word, "evaluate": word}).status_code == 200


def test_retiring_twice_is_harmless(preset: TeamPreset, maintainer: User) -> None:
    for _ in range(2):
        retire_preset(preset=preset, actor=maintainer)
    assert AuditEntry.objects.filter(action="preset.retired").count() == 1
