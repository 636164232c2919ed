"""Errors in configs name the field, the value and the cure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig, apply_overrides, config_hash, explain, load_config, parse_config
from arpo_engine.contract.config.parts import QwenVlAgentConfig, UiTarsAgentConfig
from arpo_engine.contract.errors import ConfigError


def explained(tree: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        RunConfig.model_validate(tree)
    return dict(explain(caught.value))


@pytest.mark.parametrize(
    ("tree", "field", "sentence"),
    [
        ({"rollout": {"grup_size": 4}}, "rollout.grup_size", "there is no such setting; did you mean group_size?"),
        ({"rolout": {}}, "rolout", "there is no such setting; did you mean rollout?"),
        ({"lr": 1e-4}, "lr", "there is no such setting here; did you mean optimizer.lr?"),
        ({"algorithm": {"kind": "arpo", "clip": {"lo": 1}}}, "algorithm.clip.lo", "did you mean low?"),
        ({"reward": {"zzz": 1}}, "reward.zzz", "there is no such setting; known here: format_weight"),
        ({"rollout": {"group_size": 1}}, "rollout.group_size", "1 is too small; use 2 or more"),
        ({"rollout": {"top_p": 0}}, "rollout.top_p", "0 is too small; use more than 0"),
        ({"frames": {"quality": 500}}, "frames.quality", "500 is too large; use 100 or less"),
        ({"optimizer": {"beta1": 1}}, "optimizer.beta1", "1 is too large; use less than 1"),
        ({"title": "x" * 200}, "title", "(200 characters) is too long; use at most 120 characters"),
        (
            {"rollout": {"group_size": "eight"}},
            "rollout.group_size",
            '"eight" cannot be used here; write a whole number',
        ),
        ({"rollout": {"group_size": 2.5}}, "rollout.group_size", "2.5 cannot be used here; write a whole number"),
        ({"optimizer": {"lr": math.nan}}, "optimizer.lr", "NaN cannot be used here; write a finite number"),
        ({"optimizer": {"lr": math.inf}}, "optimizer.lr", "write a finite number"),
        ({"optimizer": {"lr": "fast"}}, "optimizer.lr", '"fast" cannot be used here; write a number'),
        ({"records": {"tokens": "perhaps"}}, "records.tokens", "write true or false"),
        ({"title": True}, "title", "true cannot be used here; write a text, in quotes"),
        ({"kind": "Train"}, "kind", "\"Train\" is none of the choices; use 'train', 'evaluate' or 'try'"),
        ({"records": {"mirrors": "wandb"}}, "records.mirrors", '"wandb" cannot be used here; write a list in brackets'),
        ({"rollout": [1]}, "rollout", "[1] cannot be used here; write a group of settings"),
        ({"algorithm": None}, "algorithm", "null cannot be used here; write a group of settings"),
        ({"algorithm": {"kind": "ppo"}}, "algorithm.kind", "there is no kind 'ppo'; use 'grpo' or 'arpo'"),
        ({"algorithm": {"epochs": 2}}, "algorithm.kind", "the kind is missing; say which one it is: 'grpo' or 'arpo'"),
        (
            {"algorithm": {"kind": "grpo", "replay": {"enabled": False}}},
            "algorithm.replay",
            "this kind of algorithm has no such setting; use algorithm.kind = arpo, or leave it out",
        ),
        (
            {"algorithm": {"kind": "arpo", "replay": {"capacity_per_task": 0}}},
            "algorithm.replay.capacity_per_task",
            "0 is too small; use 1 or more",
        ),
    ],
)
def test_an_error_names_the_field_the_value_and_the_cure(tree: dict[str, Any], field: str, sentence: str) -> None:
    errors = explained(tree)
    assert list(errors) == [field]
    assert sentence in errors[field]


def test_all_wrong_fields_are_told_at_once() -> None:
    errors = explained({"rollout": {"temprature": 1, "top_p": 0}, "seed": -1})
    assert set(errors) == {"rollout.temprature", "rollout.top_p", "seed"}


def test_contradictions_are_told_together_each_at_its_field() -> None:
    errors = explained(
        {
            "algorithm": {"kind": "arpo", "minibatches": 100},
            "optimizer": {"warmup_steps": 200},
            "agent": {"max_images": 3},
        }
    )
    assert set(errors) == {"algorithm.minibatches", "optimizer.warmup_steps", "agent.max_images"}
    assert "100 is more than the 48 rollouts of a step" in errors["algorithm.minibatches"]
    assert "use 48 or fewer" in errors["algorithm.minibatches"]
    assert "limits.steps = 100; use fewer of them or more steps" in errors["optimizer.warmup_steps"]
    assert "raise agent.max_images or lower rollout.max_steps" in errors["agent.max_images"]


def test_an_agent_is_chosen_by_its_kind_and_a_config_from_before_there_was_a_choice_means_ui_tars() -> None:
    assert parse_config({"agent": {"max_images": 20}}).agent == UiTarsAgentConfig(max_images=20)
    assert parse_config({"agent": {"kind": "qwen_vl", "series": "3"}}).agent == QwenVlAgentConfig(series="3")
    assert "agent.kind" in explained({"agent": {"kind": "psychic"}})


def test_a_window_of_the_history_lifts_the_limit_on_steps_and_has_one_of_its_own() -> None:
    parse_config({"agent": {"history_images": 5}, "rollout": {"max_steps": 100}})
    errors = explained({"agent": {"history_images": 20}})
    assert "20 screenshots are more than agent.max_images = 15" in errors["agent.history_images"]


def test_a_config_error_has_one_line_for_each_field() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"rollout": {"group_size": 1}, "seed": -1})
    assert str(caught.value).splitlines() == [
        "seed: -1 is too small; use 0 or more",
        "rollout.group_size: 1 is too small; use 2 or more",
    ]


def test_the_defaults_are_a_config_that_can_be_run() -> None:
    assert parse_config({}) == RunConfig()


def test_a_config_is_read_from_yaml_with_words_that_win(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump({"title": "A run", "rollout": {"group_size": 4}}))
    config = load_config(path, ["rollout.group_size=6", "optimizer.lr=1e-4", "algorithm.kind=grpo", "tasks.held_out="])
    assert config.title == "A run"
    assert config.rollout.group_size == 6
    assert config.optimizer.lr == 1e-4
    assert config.algorithm.kind == "grpo"
    assert config.tasks.held_out is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "give the path of a YAML file"),
        ("- a\n- b\n", "not a mapping of settings; start it with `kind: train`"),
        ("a: [1\n", "is not YAML"),
    ],
)
def test_a_file_that_is_no_config_says_what_it_is(tmp_path: Path, content: str | None, words: str) -> None:
    path = tmp_path / "run.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=words):
        load_config(path)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("rollout.group_size", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("rollout..group_size=3", "has an empty part"),
        ("title=a: b: c", "put it in quotes"),
        ("seed.deep=3", "seed is a value, not a group"),
    ],
)
def test_a_word_that_is_no_setting_is_refused_with_the_cure(word: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        apply_overrides({"seed": 1}, [word])


def test_overrides_leave_the_tree_they_were_given_alone() -> None:
    tree = {"rollout": {"group_size": 4}}
    assert apply_overrides(tree, ["rollout.group_size=8"]) == {"rollout": {"group_size": 8}}
    assert tree == {"rollout": {"group_size": 4}}


def test_a_title_does_not_change_a_config_hash_and_a_setting_does() -> None:
    assert config_hash(RunConfig(title="a")) == config_hash(RunConfig(title="b", story="c"))
    assert config_hash(RunConfig(seed=0)) != config_hash(RunConfig(seed=1))
