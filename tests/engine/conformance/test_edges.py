"""Edge cases that no published file holds, recorded from the published code: each matches or deviates by a known rule.

Groups that are empty, lone or all equal, NaN and infinities, masks of zeros, float64; odd screens, both syntaxes,
unicode, several actions, drags and scrolls.
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from arpo_engine.conformance import agents, algorithms
from tests.engine.conformance.test_algorithms import mutations, replay_case, step

DATA = Path(__file__).parents[2] / "data"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / name).read_text(encoding="utf-8"))["cases"]
    return found


ALGORITHMS, AGENTS = cases("edge_algo_cases.json"), cases("edge_uitars_cases.json")
RULES = {
    "baseline-as-a-column", "bound-below-zero", "distance-not-a-number", "horizon-of-zero", "kl-full-over-tokens",
    "kl-of-the-impossible", "padding-not-finite", "positive-log-probs", "ratio-not-a-number", "ratio-overflow",
    "reward-not-finite", "score-on-every-token",
}  # fmt: skip


def test_no_edge_of_the_algorithm_is_a_mismatch_and_each_rule_is_told_in_the_documentation():
    verdicts = [algorithms.judge(case) for case in ALGORITHMS]
    assert [(verdict.case, verdict.detail) for verdict in verdicts if verdict.outcome == "mismatch"] == []
    assert {verdict.rule for verdict in verdicts if verdict.rule} == RULES
    told = Path("docs/fidelity.md").read_text(encoding="utf-8")
    assert [rule for rule in RULES if f"| `{rule}` |" not in told] == []


def test_a_number_that_was_changed_is_a_mismatch_at_the_edges_as_well():
    tried = [
        (case["name"], place, algorithms.judge(other))
        for case in ALGORITHMS
        for place, other in (mutations(case) if _has_numbers(case) else [])
    ]
    assert len(tried) > 200
    assert [(name, place) for name, place, verdict in tried if verdict.outcome != "mismatch"] == []


def _has_numbers(case: dict[str, Any]) -> bool:
    outputs = case.get("outputs") or {}
    return all(isinstance(value, dict) and 0 not in value["shape"] for value in outputs.values())


def test_no_edge_of_the_agent_is_a_mismatch():
    verdicts = [agents.judge(case) for case in AGENTS]
    assert [(verdict.case, verdict.detail) for verdict in verdicts if verdict.outcome == "mismatch"] == []
    counts = Counter(verdict.outcome for verdict in verdicts)
    assert counts["match"] > 50 and len({verdict.rule for verdict in verdicts}) > 20


def test_a_thought_that_speaks_of_a_summary_stays_whole():
    case = copy.deepcopy(next(case for case in AGENTS if agents.judge(case).outcome == "match"))
    text = "Thought: a\n\nAction_Summary: b\nAction: wait()"
    action = {"reflection": None, "thought": "a\n\nAction_Summary: b", "action_type": "wait", "action_inputs": {}}
    case |= {"input": text, "reference_actions": [action | {"text": text}], "arpo_env_step_actions": ["WAIT"]}
    case |= {"reference_pyautogui": None, "reference_pyautogui_is_valid_python": None, "error": None}
    assert agents.judge(case | {"arpo_format_reward": 0.0}).outcome == "match"


@pytest.mark.parametrize("size", [1, 3, 16])
def test_replay_of_random_steps_is_that_of_the_published_buffer(size: int):
    noise = random.Random(f"edges-{size}")
    steps = [[[task, _scores(noise, size)] for task in noise.sample("abc", 2)] for _ in range(6)]
    assert algorithms.judge(_published(steps, size)).outcome == "match"


def test_a_task_that_stands_twice_in_a_step_is_two_groups_for_replay():
    twice = [[["a", [1, 0]], ["a", [0, 0]]], [["a", [0, 0]], ["a", [0, 0]]]]
    assert algorithms.judge(_published(twice, 2)).outcome == "match"


def _scores(noise: random.Random, size: int) -> list[float]:
    if noise.random() < 0.4:
        return [0.0] * size
    return [noise.choice([0, 1, 0.1, 0.1000001, 0.11, 0.15, 0.199, 0.2]) for _ in range(size)]


def _published(steps: list[Any], size: int, capacity: int = 2) -> dict[str, Any]:
    """What the published buffer makes of the steps (replay_buffer.py, ray_trainer.py), drawing the oldest success."""
    remembered: dict[str, list[str]] = {}
    scores: dict[str, float] = {}
    expected = []
    for number, groups in enumerate(steps):
        rows, evals, fresh = [], [], []
        for task, given in groups:
            own = [(f"s{number}.{task}.{slot}", float(np.float32(score))) for slot, score in enumerate(given)]
            kept = [score for _, score in own]
            old = remembered.get(task, [])[:1] if np.std(kept) < 0.05 and np.mean(kept) < 0.2 else []
            group = [(name, scores[name]) for name in old] + own[len(old) :]
            rows += [name for name, _ in group]
            evals += [score for _, score in group]
            fresh += [(task, name, score) for name, score in own]
        for task, name, score in fresh:
            scores[name] = score
            if score > 0.1:  # 0.1 in float32 is
                remembered[task] = [*remembered.get(task, []), name][-capacity:]
        expected.append(step(rows, evals, {task: list(names) for task, names in remembered.items()}))
    return replay_case(steps, expected, capacity) | {"inputs": {"rollout_n": size, "steps": steps}}
