"""The pages of try-outs: what can be chosen, who sees and may do what, and hostile words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from arpo_engine.contract.actions import TypeText
from tests.web.builders import make_person
from tests.web.pages.conftest import SignIn
from tests.web.pages.factories import rich_run
from tests.web.pages.tryouts import begun, changed, step
from webapp.accounts.models import Role, Team, User
from webapp.runs.models import Checkpoint, Run, RunKind
from webapp.runs.preflight import Check, advance, preflight_by_id
from webapp.tryouts.models import Direction, Tryout

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

JSON = {"Accept": "application/json"}


def start(client: Client, **words: Any) -> Any:
    """Post the picker's form."""
    return client.post("/try/", {"model": "pocket", "desktop": "pocket", "source": "configs/tasks/pocket"} | words)


def direct(client: Client, run: Run, **words: Any) -> Any:
    """Post a direction as the page's script does."""
    return client.post(f"/try/{run.pk}/direct/", words, headers=JSON)


def test_the_shipped_model_is_tried_with_words_of_ones_own(as_runner: Client, runner: User) -> None:
    answer = start(as_runner, instruction="Open Mail", task="pocket-open-file-and-open-app-0142", begin="go")

    run = Run.objects.get()
    assert answer.url == f"/try/{run.pk}/"
    assert (run.kind, run.name, run.tries, run.priority) == (RunKind.TRY, "Try: the shipped model", 1, 100)
    config = run.config
    assert config["tryout"] | {"task": "pocket-open-file-and-open-app-0142", "begin": "go"} == config["tryout"]
    assert config["tryout"]["instruction"] == "Open Mail"
    assert (config["desktops"]["kind"], config["desktops"]["count"]) == ("pocket", 1)
    assert (config["frames"]["sample_every"], config["limits"]["minutes"]) == (1, None)
    assert Tryout.objects.get().controller == runner


def test_a_checkpoint_is_tried_with_its_own_settings_and_is_its_parent(as_runner: Client, rich: Run) -> None:
    saved = Checkpoint.objects.get(run=rich)
    page = as_runner.get(f"/try/?checkpoint={saved.pk}").text
    assert "First steps · step 2 · best · held out 29.2 % (7/24) [" in page

    start(as_runner, model="checkpoint", checkpoint=saved.pk)

    run = Run.objects.get(kind=RunKind.TRY)
    assert (run.parent, run.from_checkpoint, run.name) == (rich, saved, "Try: First steps, step 2")
    assert run.config["model"]["path"].endswith("exports/2")


def test_a_server_is_named_by_its_address_and_its_key_by_a_variable(as_runner: Client, as_person: SignIn) -> None:
    words = {"model": "server", "server": "http://127.0.0.1:8000/v1", "server_model": "ui-tars"}
    start(as_runner, **words)
    assert Run.objects.get().config["generator"]["base_urls"] == ["http://127.0.0.1:8000/v1"]
    secret = start(as_runner, **words, key_env="SECRET_KEY")
    assert secret.status_code == 422 and "API_KEY" in secret.text
    keyed = start(as_runner, **(words | {"server": "http://me:hush@127.0.0.1/v1"}))
    assert keyed.status_code == 422
    foreign = start(as_runner, **(words | {"server": "http://8.8.8.8/v1"}))
    assert foreign.status_code == 403 and "base_urls" in foreign.text
    assert Run.objects.count() == 1


def test_a_model_of_the_hub_speaks_as_it_was_taught(as_runner: Client) -> None:
    start(as_runner, model="path", path="Qwen/Qwen3-VL-2B-Instruct", agent="qwen_3", sampler="vllm")
    config = Run.objects.get().config
    assert (config["model"]["path"], config["generator"]["kind"]) == ("Qwen/Qwen3-VL-2B-Instruct", "vllm")
    assert (config["agent"]["kind"], config["agent"]["series"]) == ("qwen_vl", "3")


@pytest.mark.parametrize("kind", ["xvfb", "docker", "osworld-docker", "vmware"])
def test_every_kind_of_desktop_has_a_config(as_runner: Client, kind: str) -> None:
    words = {"desktop": kind, "source": "configs/tasks/desk_basics"}
    answer = start(as_runner, **words, model="path", path="ByteDance-Seed/UI-TARS-1.5-7B")
    assert answer.status_code == 302, answer.text
    assert Run.objects.get().config["desktops"]["kind"] == kind


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"model": "other"}, "is none of them"),
        ({"model": "checkpoint"}, "not there (any more)"),
        ({"model": "checkpoint", "checkpoint": "9" * 40}, "not there (any more)"),
        ({"model": "path", "path": ""}, "is empty"),
        ({"model": "server", "server": "", "server_model": "x"}, "is empty"),
        ({"model": "server", "server": "file:///etc/passwd", "server_model": "x"}, "no server"),
        ({"desktop": "toaster"}, "is none of them"),
        ({"desktop": "xvfb"}, "begin only on pocket desktops"),
        ({"source": "configs/tasks/desk_basics"}, "need real applications"),
        ({"source": "/etc"}, "no set of tasks known here"),
        ({"source": "configs/tasks/../.."}, "no set of tasks known here"),
        ({"begin": "now"}, "is none of them"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_started(as_runner: Client, words: dict[str, str], says: str) -> None:
    answer = start(as_runner, **words)
    assert answer.status_code == 422
    assert says in answer.text
    assert not Run.objects.exists()


def test_an_empty_form_starts_nothing(as_runner: Client) -> None:
    answer = as_runner.post("/try/")
    assert answer.status_code == 422 and "Nothing is chosen" in answer.text
    assert not Run.objects.exists()


def test_hostile_words_are_shown_as_words(as_runner: Client) -> None:
    hostile = "<script>alert(1)</script>\x00{{7*7}}"
    answer = start(as_runner, model="path", path=hostile, instruction=hostile, source=hostile)
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)" in answer.text


def test_a_viewer_looks_on_and_begins_nothing(as_viewer: Client, runner: User, team: Team) -> None:
    engine = begun(runner, team)
    assert start(as_viewer).status_code == 403
    page = as_viewer.get("/try/").text
    assert "You are a viewer" in page and ">Try it</button>" not in page
    assert as_viewer.get(f"/try/{engine.run.pk}/").status_code == 200
    standing = as_viewer.get(f"/try/{engine.run.pk}/state.json").json()
    assert standing["may"] == {"direct": False, "take_over": False, "keep": False, "stop": False}
    for what in ("direct", "take-over", "keep"):
        answer = as_viewer.post(f"/try/{engine.run.pk}/{what}/", {"kind": "go"}, headers=JSON)
        assert answer.status_code == 403 and "role runner" in answer.json()["refused"]
    assert as_viewer.post("/try/desktops/", headers={"HX-Request": "true"}).status_code == 403
    assert not Direction.objects.exists()


def test_another_team_finds_nothing(as_stranger: Client, runner: User, team: Team, rich: Run) -> None:
    engine = begun(runner, team)
    for what in ("", "state.json"):
        assert as_stranger.get(f"/try/{engine.run.pk}/{what}").status_code == 404
        assert as_stranger.get(f"/try/{rich.pk}/{what}").status_code == 404
    for what in ("direct", "take-over", "keep"):
        assert as_stranger.post(f"/try/{engine.run.pk}/{what}/", {"kind": "go"}, headers=JSON).status_code == 404
    page = as_stranger.get(f"/try/?checkpoint={Checkpoint.objects.get().pk}").text
    assert engine.run.name not in page and "First steps" not in page
    assert start(as_stranger, model="checkpoint", checkpoint=Checkpoint.objects.get().pk).status_code == 422


def test_a_training_is_no_try_out(as_runner: Client, rich: Run) -> None:
    assert as_runner.get(f"/try/{rich.pk}/").status_code == 404
    assert direct(as_runner, rich, kind="go").status_code == 404


def test_the_page_says_how_it_stands_what_is_on_its_way_and_who_did_what(
    as_runner: Client, runner: User, team: Team
) -> None:
    engine = begun(runner, team)
    action = json.dumps({"kind": "click", "x": 3, "y": 4})
    sent = direct(as_runner, engine.run, kind="act", action=action).json()
    assert [(one["words"], one["by"], one["became"]) for one in sent["directions"]] == [("click 3, 4", "ruth", "sent")]

    engine.say(step(engine, 0), step(engine, 1, TypeText(text="<b>hi</b>"), by="ruth"), changed(taken=1, step=2))
    standing = as_runner.get(f"/try/{engine.run.pk}/state.json").json()

    assert standing["directions"][0]["became"] == "done"
    assert [(one["words"], one["by"]) for one in standing["steps"]] == [
        ("click 40, 60", ""),
        ("type “<b>hi</b>”", "ruth"),
    ]
    assert (standing["state"], standing["word"], standing["screen"]) == ("holding", "Holding", [224, 168])
    assert 590 < standing["idle_s"] <= 600
    page = as_runner.get(f"/try/{engine.run.pk}/").text
    assert "<b>hi</b>" not in page
    viewer = as_runner.get(f"/runs/{engine.run.pk}/episodes/e1/").text
    assert "The try-out" in viewer and '"by": "ruth"' in viewer


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ({"kind": "act", "action": "{"}, 422, "no JSON"),
        ({"kind": "act", "action": "[" * 40_000}, 422, "no JSON"),
        ({"kind": "act", "action": "a" * 60_000}, 422, "send less"),
        ({"kind": "act", "action": '{"kind": "click", "x": 1e999, "y": 4}'}, 422, ""),
        ({"kind": "act", "action": '"click"'}, 422, "action"),
        ({"kind": "instruct"}, 422, "text"),
        ({"kind": "' OR 1=1 --"}, 422, "kind"),
        ({}, 422, "kind"),
    ],
)
def test_hostile_directions_get_a_clear_answer(
    as_runner: Client, runner: User, team: Team, words: dict[str, str], status: int, says: str
) -> None:
    engine = begun(runner, team)
    answer = direct(as_runner, engine.run, **words)
    assert answer.status_code == status
    assert says in answer.json()["refused"]
    assert not Direction.objects.exists()


def test_without_a_script_a_form_brings_back_the_page_with_what_was_said(
    as_runner: Client, as_person: SignIn, runner: User, team: Team
) -> None:
    engine = begun(runner, team)
    anna = as_person(make_person("anna", team, Role.RUNNER))
    answer = anna.post(f"/try/{engine.run.pk}/direct/", {"kind": "go"}, follow=True)
    assert answer.redirect_chain == [(f"/try/{engine.run.pk}/", 302)]
    assert "ruth has the control" in answer.text
    kept = as_runner.post(f"/try/{engine.run.pk}/keep/", {"note": "It loops"}, follow=True)
    assert "It is kept" in kept.text and "It loops" in kept.text
    assert "It loops" in as_runner.get("/try/").text
    gone = as_runner.post(f"/try/{engine.run.pk}/keep/", {"keep": "no"}, follow=True)
    assert "removed a day after its end" in gone.text


def test_states_that_are_not_live_are_told(as_runner: Client, runner: User, team: Team) -> None:
    start(as_runner)
    waiting = Run.objects.get()
    Run.objects.update(status_reason="Place 1 in the queue: 1 try-out is under way and 1 may be at once")
    page = as_runner.get(f"/try/{waiting.pk}/").text
    assert "Place 1 in the queue" in page and "not live" in page
    engine = begun(runner, team)
    engine.end()
    over = as_runner.get(f"/try/{engine.run.pk}/").text
    assert "data-connection" not in over
    standing = as_runner.get(f"/try/{engine.run.pk}/state.json").json()
    assert standing["kept"]["goes_at"] and not standing["may"]["direct"]


def test_it_is_reached_from_checkpoints_episodes_and_its_run(
    as_runner: Client, rich: Run, runner: User, team: Team
) -> None:
    saved = Checkpoint.objects.get(run=rich)
    artifacts = as_runner.get(f"/runs/{rich.pk}/artifacts/").text
    assert f"/try/?checkpoint={saved.pk}&amp;source=configs%2Ftasks%2Fpocket&amp;desktop=pocket" in artifacts
    episode = as_runner.get(f"/runs/{rich.pk}/episodes/a1-s1-g0-r1/").text
    assert "task=settings-dark-mode" in episode
    picked = as_runner.get("/try/?source=configs/tasks/pocket&task=settings-dark-mode").text
    assert '<option value="settings-dark-mode" selected>' in picked
    engine = begun(runner, team)
    assert f"/try/{engine.run.pk}/" in as_runner.get(f"/runs/{engine.run.pk}/").text


def test_tasks_of_other_places_are_those_that_runs_have_tried(as_runner: Client, runner: User, team: Team) -> None:
    made, engine = rich_run(runner, team, "Elsewhere", steps=1)
    Run.objects.filter(pk=made.pk).update(config=made.config | {"tasks": made.config["tasks"] | {"source": "/srv/osw"}})
    page = as_runner.get("/try/tasks/?source=/srv/osw").text
    assert 'value="settings-dark-mode"' in page and "Switch the dark mode on" in page
    shipped = as_runner.get("/try/tasks/?source=configs/tasks/pocket").text
    assert "Open file song and open app Mail" in shipped
    assert as_runner.get("/try/tasks/?source=../../etc").status_code == 200
    assert engine.run == made


def test_kinds_of_desktops_are_looked_at_once_and_say_why_not(as_runner: Client, team: Team) -> None:
    cache.clear()
    assert "not looked at" in as_runner.get("/try/desktops/").text
    looking = as_runner.post("/try/desktops/", {"desktop": "docker"}).text
    assert looking.count("being looked at") == 1 and "data-checking" in looking
    assert as_runner.post("/try/desktops/", {"desktop": "pocket"}).text.count("being looked at") == 1
    report = preflight_by_id(cache.get("tryout-desktop:docker"))
    assert report is not None
    broken = Check(name="desktops", status="fail", message="no Docker engine <here>", cure="install Docker")
    advance(report, state="done", message="Checked", checks=(broken,))
    seen = as_runner.get("/try/desktops/").text
    assert "no Docker engine &lt;here&gt; (install Docker)" in seen and "not usable" in seen
    as_runner.post("/try/desktops/", {"desktop": "docker"})
    assert cache.get("tryout-desktop:docker") == report.id
    assert as_runner.post("/try/desktops/", {"all": "yes"}).text.count("being looked at") == 4
    assert cache.get("tryout-desktop:docker") != report.id


def test_somebody_without_a_team_is_told_so(as_person: SignIn) -> None:
    alone = as_person(User.objects.create_user("alone", password="x"))
    assert "team" in alone.get("/try/").text
    assert alone.get("/try/tasks/").status_code == 404
    assert alone.post("/try/desktops/").status_code == 403
