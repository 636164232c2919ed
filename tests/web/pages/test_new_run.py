"""The new-run form: made from the config's own schema, checked on the server, and nothing typed is ever lost."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import rich_run, titled_run
from webapp.accounts.models import Team, User
from webapp.runs.config_tree import flatten
from webapp.runs.forms import MAX_YAML_BYTES
from webapp.runs.models import Run, RunStatus
from webapp.runs.presets import find_preset
from webapp.runs.schema_form import form_fields


def words_of(preset: str = "pocket_demo", **changes: str | None) -> dict[str, str]:
    """What a browser sends for a preset's form; a change to None is a box that is not ticked."""
    found = find_preset(preset)
    assert found is not None and found.config is not None
    flat = flatten(found.tree())
    words: dict[str, str] = {"preset": preset}
    for path, field in form_fields().items():
        value = flat.get(path, field.default)
        if field.kind == "switch":
            if value:
                words[f"c.{path}"] = "on"
        elif field.kind != "constant":
            words[f"c.{path}"] = "" if value is None else str(value)
    for path, change in changes.items():
        name = f"c.{path.replace('__', '.')}"
        words.pop(name, None)
        if change is not None:
            words[name] = change
    return words


def test_every_setting_of_the_config_has_its_field_with_its_help(as_runner: Client) -> None:
    page = as_runner.get("/runs/new/?preset=pocket_demo").content.decode()
    for path, field in form_fields().items():
        assert f'id="f-{path}"' in page, path
        if field.help and "`" not in field.help:
            assert field.help in unescape(page), path


def test_an_unchanged_preset_is_started_as_it_is(as_runner: Client, runner: User) -> None:
    answer = as_runner.post("/runs/new/", words_of())
    run = Run.objects.get()
    assert answer.url == f"/runs/{run.pk}/"
    preset = find_preset("pocket_demo")
    assert preset is not None
    assert run.config == preset.tree()
    assert (run.owner, run.status, run.preset) == (runner, RunStatus.QUEUED, "pocket_demo")


def test_changes_and_tags_arrive(as_runner: Client) -> None:
    words = words_of(title="Tuned", rollout__group_size="16", optimizer__lr="1e-4", algorithm__replay__enabled=None)
    as_runner.post("/runs/new/", {**words, "tags": "night, lr sweep, night"})
    run = Run.objects.get()
    assert run.name == "Tuned"
    assert run.config["rollout"]["group_size"] == 16
    assert run.config["optimizer"]["lr"] == 1e-4
    assert run.config["algorithm"]["replay"]["enabled"] is False
    assert run.tags == ["night", "lr sweep"]


def test_a_list_is_shown_as_it_can_be_typed_again_and_an_emptied_one_is_empty(as_runner: Client) -> None:
    targets = "['re:.*\\d\\.q_proj']"
    page = as_runner.post("/runs/new/", words_of(model__lora__targets=targets, title="")).content.decode()
    assert '["re:.*\\\\d\\\\.q_proj"]</textarea>' in unescape(page)
    as_runner.post("/runs/new/", words_of(records__mirrors=""))
    assert Run.objects.get().config["records"]["mirrors"] == []


def test_choosing_grpo_leaves_replay_out(as_runner: Client) -> None:
    as_runner.post("/runs/new/", words_of(algorithm__kind="grpo"))
    assert "replay" not in Run.objects.get().config["algorithm"]


def test_choosing_an_agent_brings_its_own_settings(as_runner: Client) -> None:
    as_runner.post("/runs/new/", words_of(agent__kind="qwen_vl", agent__series="3", agent__history_images="4"))
    agent = Run.objects.get().config["agent"]
    assert (agent["kind"], agent["series"], agent["history_images"]) == ("qwen_vl", "3", 4)
    assert "prompt" not in agent


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("rollout.group_size", "1", "use 2 or more"),
        ("rollout.group_size", "eight", "'eight' is not a whole number"),
        ("rollout.group_size", "", "is empty; give a number, such as 8"),
        ("optimizer.lr", "fast", "'fast' is not a number"),
        ("title", "  ", "a run needs a name"),
        ("algorithm.kind", "ppo", "ppo"),
    ],
)
def test_a_bad_value_is_named_at_its_field_and_nothing_starts(
    as_runner: Client, path: str, value: str, message: str
) -> None:
    words = words_of(**{path.replace(".", "__"): value, "seed": "77"})
    answer = as_runner.post("/runs/new/", words)
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert message in page
    assert "Nothing was started" in page
    assert 'value="77"' in page
    assert not Run.objects.exists()


def test_settings_that_contradict_each_other_are_refused_with_the_cure(as_runner: Client) -> None:
    answer = as_runner.post("/runs/new/", words_of(agent__max_images="3"))
    assert answer.status_code == 422
    assert "raise agent.max_images or lower rollout.max_steps" in answer.content.decode()


def test_too_many_tags_are_refused(as_runner: Client) -> None:
    answer = as_runner.post("/runs/new/", {**words_of(), "tags": ",".join(f"t{n}" for n in range(13))})
    assert answer.status_code == 422
    assert "use 12 or fewer" in answer.content.decode()


def test_a_viewer_sees_the_form_without_its_button_and_is_refused(as_viewer: Client) -> None:
    assert "Start run</button>" not in as_viewer.get("/runs/new/").content.decode()
    answer = as_viewer.post("/runs/new/", words_of())
    assert answer.status_code == 403
    assert "role runner or higher" in answer.content.decode()
    assert not Run.objects.exists()


def test_the_rail_tells_what_differs_while_one_types(as_runner: Client) -> None:
    page = as_runner.post("/runs/new/check/", words_of(rollout__group_size="16")).content.decode()
    assert "rollout.group_size" in page
    assert "<del>8</del>" in page and "<ins>16</ins>" in page
    assert "at most 7,680 rollouts, 128 a step for 60 steps" in page
    broken = as_runner.post("/runs/new/check/", words_of(rollout__group_size="1")).content.decode()
    assert '"rollout.group_size": "1 is too small' in broken


def test_the_plan_counts_the_tries_that_choose_tasks(as_runner: Client) -> None:
    chosen = {"kind": "learnable", "attempts": 16}
    tree = {"tasks": {"source": "configs/tasks/pocket", "selection": chosen}, "limits": {"steps": 60}}
    page = as_runner.post("/runs/new/paste/", {"yaml": json.dumps(tree)}).content.decode()
    assert "1,536 tries of tasks.selection before them" in page, "96 tasks, 16 tries each"
    tree["tasks"]["source"] = "/etc"
    page = as_runner.post("/runs/new/paste/", {"yaml": json.dumps(tree)}).content.decode()
    assert "their number depends on the tasks" in page, "files that do not ship with the console are not opened"


def test_a_model_that_is_too_large_is_told_with_settings_under_which_it_fits(as_runner: Client) -> None:
    model = {"path": "ByteDance-Seed/UI-TARS-1.5-7B", "dtype": "bfloat16"}
    tree = {"model": model, "tasks": {"source": "osworld"}, "rollout": {"max_steps": 15}, "desktops": {"count": 16}}
    page = as_runner.post("/runs/new/paste/", {"yaml": json.dumps(tree)}).content.decode()
    assert "<b>Too large:</b>" in page
    assert "<code>model.lora.rank=32</code>" in page
    assert "Memory by component" in page


def test_a_clone_begins_as_the_old_run_and_remembers_it(as_runner: Client, runner: User, team: Team) -> None:
    old = titled_run(runner, team, "Parent", rollout={"group_size": 12})
    page = as_runner.get(f"/runs/new/?clone={old.pk}").content.decode()
    assert "Clone Parent" in page
    assert "Parent (again)" in page
    words = {**words_of(rollout__group_size="12", title="Child"), "clone": old.pk}
    as_runner.post("/runs/new/", words)
    child = Run.objects.get(name="Child")
    assert child.parent == old
    assert child.config["rollout"]["group_size"] == 12


def test_another_teams_run_cannot_be_cloned(as_stranger: Client, run: Run) -> None:
    page = as_stranger.get(f"/runs/new/?clone={run.pk}").content.decode()
    assert f"Clone {run.name}" not in page


def test_a_checkpoint_is_evaluated_by_a_run_of_its_own(as_runner: Client, runner: User, team: Team) -> None:
    trained, _ = rich_run(runner, team)
    checkpoint = trained.checkpoints.get()
    page = as_runner.get(f"/runs/new/?evaluate={checkpoint.pk}").content.decode()
    assert "Start evaluation" in page
    weights = f"{trained.pk}/exports/2"
    assert weights in page
    words = words_of(kind="evaluate", title="Measured", model__path=f"/somewhere/{weights}")
    as_runner.post("/runs/new/", {**words, "evaluate": checkpoint.pk})
    measured = Run.objects.get(name="Measured")
    assert (measured.kind, measured.parent) == ("evaluate", trained)


def test_pasted_settings_fill_the_form(as_runner: Client) -> None:
    page = as_runner.post("/runs/new/paste/", {"yaml": "title: From a file\nrollout: {group_size: 6}"}).content.decode()
    assert 'value="From a file"' in page
    assert "The form now holds the pasted settings" in page
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rollout: [", "is not YAML"),
        ("just words", "holds no settings"),
        ("a: " + "x" * MAX_YAML_BYTES, "a config has at most 256 kB"),
        ("rollout: {group_sise: 4}", "did you mean group_size?"),
    ],
)
def test_a_paste_that_cannot_be_used_says_why(as_runner: Client, text: str, message: str) -> None:
    answer = as_runner.post("/runs/new/paste/", {"yaml": text})
    assert answer.status_code == 422
    assert message in unescape(answer.content.decode())


def test_an_ended_session_keeps_what_was_typed(client: Client, runner: User) -> None:
    sent = client.post("/runs/new/", words_of(title="Not lost", rollout__group_size="14"))
    assert sent.status_code == 302 and "sign-in" in sent.url
    assert "your form will be there" in client.get(sent.url).content.decode()
    page = client.post(
        sent.url, {"username": runner.username, "password": "correct horse battery", "next": "/runs/new/?kept=1"},
        follow=True,
    ).content.decode()  # fmt: skip
    assert 'value="Not lost"' in page
    assert 'value="14"' in page
    assert "nothing was started" in page
    assert not Run.objects.exists()


def strict_browser(person: User) -> Client:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person)
    return browser


def test_a_stale_form_is_shown_again_with_all_that_was_typed(runner: User) -> None:
    words = words_of(title="Not lost", rollout__group_size="14")
    answer = strict_browser(runner).post(
        "/runs/new/", {**words, "csrfmiddlewaretoken": "old"}, headers={"Origin": "http://testserver"}
    )
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "too old to be trusted" in page
    assert 'value="Not lost"' in page and 'value="14"' in page
    assert not Run.objects.exists()


def test_another_sites_form_is_not_shown_at_all(runner: User) -> None:
    answer = strict_browser(runner).post(
        "/runs/new/", words_of(title="Sly"), headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert "Sly" not in answer.content.decode()
    assert "Nothing was changed" in answer.content.decode()


def test_an_oversized_form_is_refused_with_the_limit(as_runner: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
    answer = as_runner.post("/runs/new/paste/", {"yaml": "x" * (2 * 1024 * 1024)})
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.content.decode()


def test_a_preset_that_cannot_be_read_does_not_take_the_page_down(
    as_person: SignIn, runner: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "broken.yaml").write_text("rollout: {group_sise: 3}")
    monkeypatch.setattr("webapp.runs.presets.presets_folder", lambda: tmp_path)
    answer = as_person(runner).get("/runs/new/")
    assert answer.status_code == 200
    assert "did you mean group_size?" in answer.content.decode()


def test_preflight_is_asked_for_and_followed(as_runner: Client, as_viewer: Client, valkey: str) -> None:
    page = as_runner.post("/runs/new/preflight/", words_of()).content.decode()
    assert "hx-get" in page
    address = page.split('hx-get="')[1].split('"')[0]
    assert as_runner.get(address).status_code == 200
    assert "too old" in as_viewer.get(address).content.decode()
    assert as_viewer.post("/runs/new/preflight/", words_of()).status_code == 403
    broken = as_runner.post("/runs/new/preflight/", words_of(rollout__group_size="1")).content.decode()
    assert "Mend the settings first" in broken


def test_a_server_is_measured_from_the_form_and_not_trained_with(as_runner: Client) -> None:
    words = words_of(
        kind="evaluate",
        title="At a server",
        generator__kind="openai",
        generator__base_urls="[http://10.0.0.1:9000/v1, http://10.0.0.1:9001/v1]",
        generator__model="ui-tars",
        evaluation__select="[chrome]",
    )
    as_runner.post("/runs/new/", words)
    made = Run.objects.get(name="At a server")
    assert made.config["generator"]["base_urls"] == ["http://10.0.0.1:9000/v1", "http://10.0.0.1:9001/v1"]
    assert made.config["evaluation"]["select"] == ["chrome"]
    refused = as_runner.post("/runs/new/", {**words, "c.kind": "train", "c.title": "Trained"}).content.decode()
    assert "cannot be trained with" in refused
    assert not Run.objects.filter(name="Trained").exists()


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "https://1.1.1.1/v1"])
def test_a_server_outside_is_refused_to_runners_with_what_to_do(as_runner: Client, address: str, valkey: str) -> None:
    words = words_of(kind="evaluate", title="Far", generator__kind="openai", generator__base_urls=f"[{address}]")
    for path in ("/runs/new/", "/runs/new/preflight/"):
        answer = as_runner.post(path, words)
        assert answer.status_code == 403
        assert "ARPO_MODEL_SERVERS" in answer.content.decode()
    assert not Run.objects.filter(name="Far").exists()


def test_a_listed_server_is_for_everybody(as_runner: Client, settings: Settings) -> None:
    settings.MODEL_SERVERS = ("1.1.1.1",)
    urls = "[https://1.1.1.1/v1]"
    as_runner.post(
        "/runs/new/", words_of(kind="evaluate", title="Near", generator__kind="openai", generator__base_urls=urls)
    )
    assert Run.objects.filter(name="Near").exists()


def test_an_admin_may_measure_at_any_public_server(as_person: SignIn, admin: User) -> None:
    urls = "[https://1.1.1.1/v1]"
    as_person(admin).post(
        "/runs/new/", words_of(kind="evaluate", title="Far", generator__kind="openai", generator__base_urls=urls)
    )
    assert Run.objects.filter(name="Far").exists()
