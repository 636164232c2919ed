"""Secrets by reference: which variables a config names, and texts without their values."""

from __future__ import annotations

import io
import json

import pytest

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.secrets import RedactedStream, named_by, promised, redactor

ENVIRONMENT = {
    "HF_TOKEN": 'hf_"quoted"-1',
    "WANDB_API_KEY": "wandb-key-2",
    "HTTPS_PROXY": "http://ann:proxy%40word-3@proxy.lab:3128",
    "HOME": "/home/ann-of-the-lab",
    "SHORT_TOKEN": "pocket",
}


def test_a_config_names_variables_and_only_those_that_it_uses():
    plain = named_by(RunConfig())
    assert "HTTPS_PROXY" in plain and "OPENAI_API_KEY" not in plain and "WANDB_API_KEY" not in plain
    pushing = RunConfig.model_validate({"checkpoint": {"push_to": "lab/agent", "push_token_env": "HF_LAB_TOKEN"}})
    assert "HF_LAB_TOKEN" in named_by(pushing)
    served = {"kind": "openai", "base_urls": ["http://10.0.0.9:8000/v1"], "model": "tars", "api_key_env": "LAB_API_KEY"}
    assert "LAB_API_KEY" in named_by(RunConfig.model_validate({"kind": "evaluate", "generator": served}))
    tracked = named_by(RunConfig.model_validate({"records": {"mirrors": ["wandb"]}}))
    assert "WANDB_API_KEY" in tracked


def test_names_that_are_promised_are_read_back():
    assert promised({"ARPO_PROMISED_SECRETS": "HF_TOKEN,HTTPS_PROXY"}) == {"HF_TOKEN", "HTTPS_PROXY"}
    assert promised({}) == frozenset()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('401 for hf_"quoted"-1', "401 for <HF_TOKEN>"),
        ("key=wandb-key-2.", "key=<WANDB_API_KEY>."),
        ("via http://ann:proxy%40word-3@proxy.lab:3128", "via http://ann:<HTTPS_PROXY>@proxy.lab:3128"),
        ("word proxy@word-3", "word <HTTPS_PROXY>"),
        ("/home/ann-of-the-lab in a pocket", "/home/ann-of-the-lab in a pocket"),
    ],
)
def test_a_secret_is_replaced_by_its_name_and_other_words_stay(text: str, seen: str):
    redact = redactor(ENVIRONMENT)
    assert redact(text) == seen
    assert json.loads(redact(json.dumps({"text": text}))) == {"text": seen}


def test_what_a_process_prints_has_no_secret_in_it():
    under = io.StringIO()
    stream = RedactedStream(under, redactor(ENVIRONMENT))
    stream.write('token hf_"quoted"-1\n')
    stream.writelines(["wandb-key-2"])
    stream.flush()
    assert under.getvalue() == "token <HF_TOKEN>\n<WANDB_API_KEY>"


def test_without_secrets_nothing_is_changed():
    assert redactor({"HOME": "/root"})("/root") == "/root"
