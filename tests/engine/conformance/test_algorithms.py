"""Cases of the published code, judged: what agrees, what deviates by a named rule, and that nothing else passes."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.conformance.algorithms import judge
from arpo_engine.conformance.functions import FUNCTIONS
from arpo_engine.contract.errors import ConfigError

CASES = json.loads((Path(__file__).parents[2] / "data" / "algo_cases.json").read_text(encoding="utf-8"))["cases"]
DEVIATIONS = {
    "grpo_nan_reward": "reward-not-finite",
    "pg_ratio_overflow": "ratio-overflow",
    "log_probs_from_logits_sign": "positive-log-probs",
    "apply_kl_penalty": "score-on-every-token",
}


def named(name: str) -> dict[str, Any]:
    return copy.deepcopy(next(case for case in CASES if case["name"] == name))


def array(data: Any, dtype: str = "float32") -> dict[str, Any]:
    shape, inner = [], data
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0]
    return {"dtype": dtype, "shape": shape, "data": data}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_case_matches_or_deviates_by_the_rule_of_its_input(case: dict):
    verdict = judge(case)
    rule = DEVIATIONS.get(case["name"], "")
    assert (verdict.outcome, verdict.rule, verdict.detail) == ("deviation" if rule else "match", rule, "")


def mutations(case: dict) -> list[tuple[str, dict]]:
    """The case with one number of each of its outputs changed."""
    noise, made = random.Random(case["name"]), []
    for key in ("outputs", "outputs_float64"):
        for name, value in (case.get(key) or {}).items():
            if isinstance(value, dict):
                other = copy.deepcopy(case)
                other[key][name]["data"] = moved(value["data"], value["dtype"], noise)
                made.append((f"{key}.{name}", other))
    return made


def moved(data: Any, dtype: str, noise: random.Random) -> Any:
    if isinstance(data, list):
        place = noise.randrange(len(data))
        return [moved(item, dtype, noise) if index == place else item for index, item in enumerate(data)]
    if isinstance(data, str):
        return 0.5
    if dtype == "int64":
        return 1 - data
    return data + (1e-5 if dtype == "float32" else 1e-10) * max(1.0, abs(data))


def test_a_number_that_was_changed_is_always_a_mismatch_in_deviating_cases_as_well():
    tried = [(case["name"], place, judge(other)) for case in CASES for place, other in mutations(case)]
    assert len(tried) > 60
    assert [(name, place) for name, place, verdict in tried if verdict.outcome != "mismatch"] == []
    assert all(verdict.detail for _, _, verdict in tried)


def test_a_changed_gradient_is_a_mismatch():
    case = named("pg_custom_clips")
    case["grad_log_probs"]["data"][0][1] += 1e-4
    assert judge(case).outcome == "mismatch"


def test_a_changed_weight_of_the_penalty_is_a_mismatch():
    case = named("adaptive_kl_controller")
    case["outputs"]["kl_coef_after_each"][3] *= 1 + 1e-9
    assert judge(case).outcome == "mismatch"


def test_what_deviates_is_not_believed_blindly():
    case = named("grpo_nan_reward")
    case["outputs"]["advantages"]["data"][2][0] = "NaN"
    assert judge(case).outcome == "mismatch"


def test_the_right_sign_of_log_probs_is_a_match_and_any_other_answer_is_none():
    case = named("log_probs_from_logits_sign")
    for key in ("outputs", "outputs_float64"):
        data = case[key]["log_probs"]["data"]
        case[key]["log_probs"]["data"] = [[-number for number in data[0]]]
    assert judge(case).outcome == "match"


def test_an_error_is_expected_of_us_too_and_of_the_same_kind():
    case = named("kl_unknown_type")
    case["error"]["type"] = "ValueError"
    assert judge(case).outcome == "mismatch"
    answered = named("kl_unknown_type")
    answered["inputs"]["kl_penalty"] = "mse"
    assert judge(answered).outcome == "mismatch"
    refused = named("kl_mse")
    refused["inputs"]["kl_penalty"] = "nope"
    assert "refusal" in judge(refused).detail


def test_a_function_of_ours_that_crashes_is_a_mismatch_which_tells_the_error(monkeypatch: pytest.MonkeyPatch):
    def crash(given: Any) -> Any:
        return torch.zeros(2) + torch.zeros(3)

    monkeypatch.setitem(FUNCTIONS, "compute_kl", crash)
    for name in ("kl_mse", "kl_unknown_type"):
        verdict = judge(named(name))
        assert (verdict.outcome, verdict.detail[:24]) == ("mismatch", "we crash: RuntimeError: ")
    monkeypatch.setitem(FUNCTIONS, "compute_kl", lambda given: [][1])
    assert "we crash: IndexError: list index" in judge(named("kl_unknown_type")).detail


def test_an_answer_of_ours_that_was_changed_is_a_mismatch(monkeypatch: pytest.MonkeyPatch):
    honest = FUNCTIONS["compute_kl"]
    monkeypatch.setitem(FUNCTIONS, "compute_kl", lambda given: {"kl": honest(given)["kl"] + 1e-5})
    assert "number 0" in judge(named("kl_mse")).detail


def refused_there(function: str, error: str, **inputs: Any) -> dict[str, Any]:
    return {"name": "refused", "function": function, "inputs": inputs, "error": {"type": error, "message": ""}}


@pytest.mark.parametrize(
    "case",
    [
        refused_there("masked_mean", "RuntimeError", values=array([[0.0] * 3]), mask=array([[1.0] * 2])),
        refused_there(
            "log_probs_from_logits", "IndexError", logits=array([[[0.0, 1.0]]]), labels=array([[2]], "int64")
        ),
        refused_there(
            "compute_rloo_outcome_advantage", "IndexError",
            token_level_rewards=array([[1.0], [0.0]]), response_mask=array([[1.0], [1.0]]), index=["a"],
        ),
        refused_there(
            "AdaptiveKLController.update", "ZeroDivisionError",
            init_kl_coef=0.1, target_kl=0.0, horizon=10, kl_sequence=[0.1], n_steps=8,
        ),
    ],
    ids=["shapes", "a label beyond the tokens", "rows without a group", "a target of zero"],
)  # fmt: skip
def test_inputs_that_do_not_fit_are_refused_by_name_where_the_published_code_raises(case: dict):
    assert judge(case).outcome == "match"
    case["error"]["type"] = "AssertionError"
    assert "ours stands for" in judge(case).detail


def test_a_lone_rollout_is_refused_as_the_published_code_refuses_it():
    inputs = {"token_level_rewards": array([[1.0]]), "response_mask": array([[1.0]]), "index": ["a"]}
    for function in ("compute_grpo_outcome_advantage", "compute_rloo_outcome_advantage"):
        case = {"name": "lone", "function": function, "inputs": inputs, "error": {"type": "AssertionError"}}
        assert judge(case).outcome == "match"


def test_the_clipped_value_loss_is_that_worked_out_by_hand():
    # Errors of 1 and 2; clipped to 0.5 both values are nearer, so the larger errors count: (1 + 4) / 2 / 2.
    inputs = {
        "vpreds": array([[1.0, 2.0]]),
        "returns": array([[0.0, 0.0]]),
        "values": array([[0.0, 0.0]]),
        "action_mask": array([[1.0, 1.0]]),
        "cliprange_value": 0.5,
    }
    outputs = {"vf_loss": array(1.25), "vf_clipfrac": array(0.0)}
    case = {"name": "value", "function": "compute_value_loss", "inputs": inputs, "outputs": outputs}
    assert judge(case).outcome == "match"


def test_padding_that_is_no_number_reaches_the_published_loss_and_not_ours():
    case = named("pg_on_policy")
    case["inputs"]["log_probs"]["data"][1][2] = "NaN"
    del case["outputs_float64"], case["grad_log_probs"]
    assert judge(case).outcome == "match"
    case["outputs"]["pg_loss"]["data"] = case["outputs"]["ppo_kl"]["data"] = "NaN"
    assert (judge(case).outcome, judge(case).rule) == ("deviation", "padding-not-finite")


def replay_case(steps: list, expected: list, capacity: int = 2) -> dict:
    function = f"RayPPOTrainer.apply_replay + ReplayBuffer(buffer_size={capacity})"
    inputs = {"rollout_n": 2, "steps": steps}
    return {"name": "replay", "function": function, "inputs": inputs, "error": None, "outputs": {"per_step": expected}}


def step(rows: list[str], evals: list[float], buffer: dict[str, list[str]]) -> dict:
    return {"batch_rows": rows, "batch_evals": array(evals), "buffer": buffer}


FILLED = [
    step(["s0.t.0", "s0.t.1"], [1.0, 1.0], {"t": ["s0.t.0", "s0.t.1"]}),
    step(["s1.t.0", "s1.t.1"], [1.0, 0.0], {"t": ["s0.t.1", "s1.t.0"]}),
]


@pytest.mark.parametrize("drawn", ["s0.t.1", "s1.t.0"])
def test_any_success_that_was_remembered_may_be_the_one_that_was_drawn(drawn: str):
    last = step([drawn, "s2.t.1"], [1.0, 0.0], {"t": ["s0.t.1", "s1.t.0"]})
    case = replay_case([[["t", [1, 1]]], [["t", [1, 0]]], [["t", [0, 0]]]], [*FILLED, last])
    assert judge(case).outcome == "match"


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (step(["s0.t.0", "s2.t.1"], [1.0, 0.0], {"t": ["s0.t.1", "s1.t.0"]}), "batch_rows"),
        (step(["s1.t.0", "s2.t.0"], [1.0, 0.0], {"t": ["s0.t.1", "s1.t.0"]}), "batch_rows"),
        (step(["s1.t.0", "s2.t.1"], [0.0, 0.0], {"t": ["s0.t.1", "s1.t.0"]}), "batch_evals"),
        (step(["s1.t.0", "s2.t.1"], [1.0, 0.0], {"t": ["s1.t.0", "s0.t.1"]}), "buffer"),
    ],
    ids=["a success that has left", "a row of another place", "another score", "another order"],
)
def test_what_replay_cannot_have_done_is_a_mismatch(last: dict, found: str):
    verdict = judge(replay_case([[["t", [1, 1]]], [["t", [1, 0]]], [["t", [0, 0]]]], [*FILLED, last]))
    assert verdict.outcome == "mismatch"
    assert found in verdict.detail


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"function": ""}, "names no function"),
        ({"inputs": None}, "has no inputs"),
        ({"inputs": {"log_probs": array([[0.0]])}}, "compare it with a case"),
        ({"outputs": None, "outputs_float64": None}, "nothing to compare"),
        ({"inputs": {"log_probs": {"dtype": "float99", "data": []}}}, "not an array"),
    ],
)
def test_a_case_that_cannot_be_understood_is_refused_with_the_reason(change: dict, words: str):
    with pytest.raises(ConfigError, match=words):
        judge({**named("kl_kl"), **change})


def test_a_function_that_is_not_ours_is_a_mismatch_and_the_other_cases_go_on():
    verdict = judge({**named("kl_kl"), "function": "compute_everything"})
    assert (verdict.outcome, verdict.detail.partition(",")[0]) == (
        "mismatch",
        "no answer to the function 'compute_everything'",
    )


def test_results_may_be_named_otherwise_in_their_order_but_not_be_mixed_up():
    case = named("remax")
    case["outputs"] = {"a": case["outputs"]["advantages"], "b": case["outputs"]["returns"]}
    assert judge(case).outcome == "match"
    case["outputs"] = {"returns": case["outputs"]["a"], "b": case["outputs"]["b"]}
    assert "b: expected, but there is no such result" in judge(case).detail


def test_a_score_that_is_no_number_is_neither_remembered_nor_a_failure_to_be_rescued():
    last = step(["s1.t.0", "s1.t.1"], ["NaN", 0.0], {"t": ["s0.t.0", "s0.t.1"]})  # type: ignore[list-item]
    case = replay_case([[["t", [1, 1]]], [["t", ["NaN", 0]]]], [FILLED[0], last])
    assert judge(case).outcome == "match"


def test_groups_of_another_size_than_announced_are_refused():
    with pytest.raises(ConfigError, match="give rollout_n = 2"):
        judge(replay_case([[["t", [1, 1, 1]]]], [FILLED[0]]))


def test_verdicts_name_their_cases():
    assert Counter(judge(case).case for case in CASES) == Counter(case["name"] for case in CASES)
