"""Paste an ARPO or verl command: every key gets its verdict, the form is filled, nothing is started or executed."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest
from django.test import Client

from arpo_engine.contract.config import RunConfig
from tests.contract.verl.test_bad_input import BOMB
from tests.web.pages.conftest import SignIn
from tests.web.pages.test_new_run import words_of
from webapp.accounts.models import Team, User
from webapp.accounts.permissions import PermissionRefused
from webapp.runs.forms import MAX_YAML_BYTES
from webapp.runs.models import Run
from webapp.runs.preflight import request_preflight
from webapp.runs.services import create_run

ADDRESS = "/runs/new/paste-command/"
SUBSET32 = Path("tests/data/verl/subset32.sh").read_text(encoding="utf-8")
TRUSTING = f"{SUBSET32.rstrip()} worker.actor.model.trust_remote_code=true"


def test_a_published_run_fills_the_form_and_shows_every_key(as_runner: Client) -> None:
    answer = as_runner.post(ADDRESS, {"command": SUBSET32})
    page = unescape(answer.content.decode())
    assert answer.status_code == 200
    assert "The form now holds the imported run" in page
    assert " mapped" in page and "0 refused" in page
    assert "1 prompts x 8 rollouts = 8 trajectories an update" in page
    assert "desktop-hours" in page and "weights that learn" in page
    assert "faults of the published code that would have hit this run" in page
    assert "they need a Docker engine, KVM, the image and its disk" in page
    assert 'value="osworld_cot_7b_nokl_subset32"' in page
    assert 'value="evaluation_examples"' in page
    assert not Run.objects.exists()


def test_the_page_offers_it_to_those_who_may_run(as_runner: Client, as_viewer: Client) -> None:
    assert "Paste an ARPO or verl command" in as_runner.get("/runs/new/").content.decode()
    assert "Paste an ARPO or verl command" not in as_viewer.get("/runs/new/").content.decode()


def test_a_viewer_is_refused(as_viewer: Client) -> None:
    answer = as_viewer.post(ADDRESS, {"command": SUBSET32})
    assert answer.status_code == 403
    assert "To import a command you need the role runner or higher" in unescape(answer.content.decode())
    assert "osworld_cot" not in answer.content.decode()


def test_it_needs_a_person_a_post_and_a_token(client: Client, runner: User) -> None:
    assert client.post(ADDRESS, {"command": SUBSET32}).status_code == 302
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(runner)
    assert browser.get(ADDRESS).status_code == 405
    assert browser.post(ADDRESS, {"command": SUBSET32}).status_code == 403


def test_a_refused_key_is_told_with_its_cure_and_the_rest_fills_the_form(as_runner: Client) -> None:
    answer = as_runner.post(ADDRESS, {"command": f"{SUBSET32.rstrip()} algorithm.adv_estimator=gae"})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "1 key cannot be done here" in page
    assert "gae needs a critic" in page
    assert 'value="osworld_cot_7b_nokl_subset32"' in page


def test_the_named_config_file_may_be_pasted_beside(as_runner: Client) -> None:
    script = SUBSET32.replace("examples/config.yaml", "mine.yaml")
    without = unescape(as_runner.post(ADDRESS, {"command": script}).content.decode())
    assert "the file mine.yaml is not here; give it too" in without
    with_it = as_runner.post(ADDRESS, {"command": script, "base": "data: {seed: 4711}"})
    assert with_it.status_code == 200
    assert 'value="4711"' in with_it.content.decode()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "holds no settings"),
        ("rm -rf /", "nothing of it was executed"),
        ("a: &a [*a]", "holds itself through an alias"),
        ("x" * MAX_YAML_BYTES + "y", "paste at most 256 kB"),
    ],
)
def test_a_text_that_cannot_be_used_says_why(as_runner: Client, command: str, message: str) -> None:
    answer = as_runner.post(ADDRESS, {"command": command})
    assert answer.status_code == 422
    assert message in unescape(answer.content.decode())


def test_a_yaml_bomb_is_refused_in_every_paste(as_runner: Client) -> None:
    for address, name in ((ADDRESS, "command"), (ADDRESS, "base"), ("/runs/new/paste/", "yaml")):
        words = {"command": SUBSET32.replace("examples/config.yaml", "mine.yaml"), name: BOMB}
        answer = as_runner.post(address, words)
        assert answer.status_code == 422
        assert "once its aliases are written out" in unescape(answer.content.decode())


def test_pasted_text_is_shown_and_never_run_by_the_browser(as_runner: Client) -> None:
    evil = "<script>alert(1)</script>"
    script = f"echo '{evil}'\n{SUBSET32.rstrip()} '{evil}' trainer.experiment_name='{evil}' 'a.{evil}=1' rm -rf /"
    page = as_runner.post(ADDRESS, {"command": script}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a word of the command that is no setting; nothing is executed" in page


def test_a_models_own_code_is_for_admins_only(as_runner: Client, as_person: SignIn, admin: User) -> None:
    refused = as_runner.post(ADDRESS, {"command": TRUSTING})
    page = unescape(refused.content.decode())
    assert refused.status_code == 422
    assert "from the web only an admin may ask for it" in page
    assert box_of(page) == ""
    granted = as_person(admin).post(ADDRESS, {"command": TRUSTING})
    assert granted.status_code == 200
    assert "checked" in box_of(granted.content.decode())


def box_of(page: str) -> str:
    """What the switch of `trust_remote_code` says of being on."""
    box = page.split('id="f-model.trust_remote_code"')[1].split(">")[0]
    return " checked" if " checked" in box else ""


def test_nobody_but_an_admin_starts_a_models_own_code_by_any_form(
    as_runner: Client, as_person: SignIn, admin: User, runner: User, team: Team
) -> None:
    words = words_of(model__trust_remote_code="on")
    answer = as_runner.post("/runs/new/", words)
    assert answer.status_code == 403
    assert "you need the role admin" in unescape(answer.content.decode())
    assert not Run.objects.exists()
    assert as_person(admin).post("/runs/new/", words).status_code == 302
    run = Run.objects.get()
    with pytest.raises(PermissionRefused, match="trust_remote_code"):
        create_run(owner=runner, team=team, config=RunConfig.model_validate(run.config))


def test_nobody_but_an_admin_names_a_program_of_the_machine_where_runs_run(
    admin: User, runner: User, team: Team
) -> None:
    config = RunConfig.model_validate({"desktops": {"kind": "vmware", "vmrun": "/usr/bin/env"}})
    for ask in (create_run, request_preflight):
        with pytest.raises(
            PermissionRefused, match=r"the role admin .*desktops\.vmrun|desktops\.vmrun.* the role admin"
        ):
            ask(owner=runner, team=team, config=config)
    assert create_run(owner=admin, team=team, config=config).config["desktops"]["vmrun"] == "/usr/bin/env"
    usual = RunConfig.model_validate({"desktops": {"kind": "vmware"}})
    create_run(owner=runner, team=team, config=usual)


RUNNER = """\
cd OSWorld
python run_multienv_uitars.py --headless --max_steps 20 --model my-model --num_envs 3 \\
    --max_trajectory_length 5 --result_dir ./results/ --server_ip http://10.0.0.2 \\
    --test_all_meta_path configs/tasks/pocket/held_out.json --temperature 0.7
"""


def test_a_command_of_osworlds_runner_is_recognised_and_becomes_an_evaluation(as_runner: Client) -> None:
    answer = as_runner.post(ADDRESS, {"command": RUNNER})
    page = unescape(answer.content.decode())
    assert answer.status_code == 200
    assert "The form now holds the imported run" in page
    assert "--max_trajectory_length" in page and "agent.history_images" in page
    assert "0 refused" in page
    assert "fault" not in page.split('id="imported"')[1].split("</section>")[0]
    assert 'value="Evaluation of my-model"' in page
    assert "http://10.0.0.2:9002/v1" in page
    assert not Run.objects.exists()


def test_its_servers_script_may_stand_before_it(as_runner: Client) -> None:
    server = "python -m vllm.entrypoints.openai.api_server --served-model-name tars --port 7000 $MODEL\n"
    command = "python run_multienv_uitars.py --test_all_meta_path configs/tasks/pocket/held_out.json\n"
    page = unescape(as_runner.post(ADDRESS, {"command": server + command}).content.decode())
    assert 'value="Evaluation of tars"' in page
    assert "http://127.0.0.1:7000/v1" in page


def test_a_parameter_of_the_runner_that_is_refused_is_told_and_the_form_does_without(as_runner: Client) -> None:
    answer = as_runner.post(ADDRESS, {"command": f"{RUNNER.rstrip()} --model $NAME --max_tokens many --noise 3"})
    page = unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "3 keys cannot be done here" in page
    assert "is a shell variable or command; write its value" in page
    assert "'many' is no number" in page
    assert 'value="ui-tars"' in page


def test_a_command_of_the_runner_that_cannot_be_read_says_why(as_runner: Client) -> None:
    answer = as_runner.post(ADDRESS, {"command": "python run_multienv_uitars.py stray"})
    assert answer.status_code == 422
    assert "'stray' in the command belongs to no parameter" in unescape(answer.content.decode())
