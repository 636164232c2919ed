"""An agent beside a model that was taught to say places otherwise is told of, with the setting that fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.config.parts import AgentConfig, QwenVlAgentConfig, UiTarsAgentConfig
from arpo_engine.models.families import FAMILIES
from arpo_engine.runtime.agent_fit import mismatch
from tests.engine.families import shared_family_policy

FITTING: list[tuple[AgentConfig, str]] = [
    (UiTarsAgentConfig(version="1.0"), "qwen2_vl"),
    (UiTarsAgentConfig(version="1.5"), "qwen2_5_vl"),
    (QwenVlAgentConfig(series="2.5"), "qwen2_5_vl"),
    (QwenVlAgentConfig(series="3"), "qwen3_vl"),
]


@pytest.mark.parametrize(("agent", "kind"), FITTING)
def test_what_belongs_together_is_not_spoken_of(agent: AgentConfig, kind: str):
    assert mismatch(agent, FAMILIES[kind]) is None


@pytest.mark.parametrize(("agent", "kind"), FITTING)
def test_every_other_model_is_told_of_with_an_agent_that_fits_it(agent: AgentConfig, kind: str):
    for other in FAMILIES.keys() - {kind}:
        found = mismatch(agent, FAMILIES[other])
        assert found is not None
        fact, cure = found
        assert FAMILIES[other].title in fact
        fitting = [f"agent.kind={known.kind}" for known, its_kind in FITTING if its_kind == other]
        assert all(words in cure for words in fitting)


def test_ui_tars_1_5_on_qwen2_vl_names_both_ways_of_saying_places():
    found = mismatch(UiTarsAgentConfig(version="1.5"), FAMILIES["qwen2_vl"])
    assert found == (
        "agent.kind=ui_tars with agent.version=1.5 reads places as pixels of the resized screenshot, as models made "
        "from Qwen2.5-VL say them; the model is a Qwen2-VL",
        "use agent.kind=ui_tars agent.version=1.0, or a model made from Qwen2.5-VL",
    )


def test_preflight_warns_and_names_the_kind_of_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shared_family_policy("qwen2_vl").save(tmp_path / "model")
    words = ["--config", "configs/pocket_demo.yaml", "--json", "--run-dir", str(tmp_path / "run")]
    main(["preflight", *words, f"model.path={tmp_path / 'model'}"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "a Qwen2-VL of 0." in checks["model"]["message"]
    assert checks["agent"]["status"] == "warn"
    assert "agent.version=1.0" in checks["agent"]["cure"]
