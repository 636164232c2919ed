"""Replies beside the published parser: all recorded cases, every rule, and that nothing wrong slips through either."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.agents import actions
from arpo_engine.agents.screens import resized_frame
from arpo_engine.conformance.agent_rules import RULES, rules_of
from arpo_engine.conformance.agents import judge
from arpo_engine.conformance.effects import effects_of_code, same_effects
from arpo_engine.conformance.written import Written
from arpo_engine.contract.actions import Click, TypeText
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.resize import PixelLimits

ROOT = Path(__file__).parents[3]
CASES: dict[str, dict[str, Any]] = {
    case["name"]: case
    for case in json.loads((ROOT / "tests" / "data" / "uitars_cases.json").read_text(encoding="utf-8"))
}
DEVIATIONS = {
    "click_out_of_range": "off_the_screen",
    "drag_missing_end": "half_a_drag",
    "hotkey_three_plus": "joined_keys",
    "hotkey_arrow_in_combo": "key_names",
    "press_key": "press",
    "keyup": "half_a_press",
    "type_real_newline": "newline_in_content",
    "type_literal_backslash_n_tail": "read_twice",
    "type_double_quoted_arg": "inexact_content",
    "scroll_left": "sideways",
    "unknown_action": "unknown_action",
    "multi_click_type_finish": "others_dropped",
    "two_action_markers": "marker_again",
}
EXAMPLES = {
    "too_long": "Action: type(content='" + "a" * 200_000 + "')",
    "thin_screen": "Action: wait()",
    "marker_again": "Action: wait()\nAction: wait()",
    "thought_breaks_code": "Thought: it's '''odd\nAction: wait()",
    "others_dropped": "Action: wait()\n\nclick(start_box='(1,2)')",
    "no_keyboard": r"Action: type(content='\x00')",
    "line_break": "Action:\nwait()",
    "newline_in_content": r"Action: type(content='a\nb')",
    "text_after_content": "Action: type(content='abc') and more",
    "inexact_content": 'Action: type(content="abc")',
    "leading_blanks": "Action: type(content='  abc')",
    "newlines_at_end": r"Action: type(content='abc\n\n')",
    "read_twice": r"Action: type(content='C:\\new')",
    "no_content": "Action: type(text='abc')",
    "python_form": "Action: wait(5)",
    "unknown_action": "Action: long_press(start_box='(1,2)')",
    "press": "Action: press(key='enter')",
    "half_a_press": "Action: keydown(key='shift')",
    "nothing_pressed": "Action: hotkey(key='')",
    "joined_keys": "Action: hotkey(key='ctrl+c')",
    "key_names": "Action: hotkey(key='ctrl C')",
    "other_syntax": "Action: click(point='<point>1 2</point>')",
    "sideways": "Action: scroll(start_box='(1,2)', direction='left')",
    "direction": "Action: scroll(start_box='(1,2)', direction='sideways')",
    "scroll_without_place": "Action: scroll(direction='down')",
    "half_a_drag": "Action: drag(start_box='(1,2)')",
    "off_the_screen": "Action: click(start_box='(-1,2)')",
}


def test_all_recorded_cases_match_or_deviate_by_the_rule_that_names_their_fault():
    verdicts = [judge(case) for case in CASES.values()]
    assert [verdict for verdict in verdicts if verdict.outcome == "mismatch"] == []
    assert {verdict.case: verdict.rule for verdict in verdicts if verdict.outcome == "deviation"} == DEVIATIONS


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_is_told_by_the_reply_alone_and_named_in_the_documents(rule: str):
    screen = (20, 1000) if rule == "thin_screen" else (1920, 1080)
    case = {"name": "x", "input": EXAMPLES[rule], "screen": list(screen), "arpo_format_reward": 0.0}
    written = Written(text=EXAMPLES[rule], frame=resized_frame(screen, PixelLimits()))
    assert rule in [one.name for one in rules_of(written)]
    assert judge(case).outcome in ("match", "deviation")
    assert f"| `{rule}` |" in (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "reply",
    [
        "Thought: I click.\nAction: click(start_box='(960,540)')",
        "Action: drag(start_box='(1,2)', end_box='(3,4)')",
        r"Action: type(content='it\'s\n')",
        "Action: hotkey(key='ctrl c')",
        "Action: scroll(start_box='(1,2)', direction='down')",
        "Action: finished(content='done')",
    ],
)
def test_a_good_reply_falls_under_no_rule(reply: str):
    assert rules_of(Written(text=reply, frame=resized_frame((1920, 1080), PixelLimits()))) == []


def mutations(case: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The case with one recorded output changed, each in turn."""

    def changed(path: str, change: Any) -> tuple[str, dict[str, Any]]:
        other = copy.deepcopy(case)
        change(other)
        return path, other

    yield changed("resized", lambda it: it["resized"].__setitem__(0, it["resized"][0] + 28))
    yield changed("format reward", lambda it: it.update(arpo_format_reward=-1.0 - it["arpo_format_reward"]))
    for at, action in enumerate(case["reference_actions"] or ()):
        yield changed("type", lambda it, at=at: it["reference_actions"][at].update(action_type="sleep"))
        for key in ("start_box", "end_box"):
            if key in action["action_inputs"]:
                share = json.loads(action["action_inputs"][key])
                moved = str([share[0] + 1e-9, *share[1:]])
                yield changed(
                    key,
                    lambda it, at=at, key=key, to=moved: it["reference_actions"][at]["action_inputs"].update({key: to}),
                )
    for at, _ in enumerate(case["arpo_env_step_actions"] or ()):
        yield changed("environment", lambda it, at=at: it["arpo_env_step_actions"].__setitem__(at, "import pyautogui"))
    for at, code in enumerate(case["reference_pyautogui"] or ()):
        head, quotes, tail = code.rpartition("'''")
        number = re.search(r"\d+\.\d{2,}", tail)
        if number is not None:
            other = f"{head}{quotes}{tail[: number.start()]}{float(number[0]) + 2e-6:.7f}{tail[number.end() :]}"
            yield changed("code", lambda it, at=at, to=other: it["reference_pyautogui"].__setitem__(at, to))


@pytest.mark.parametrize("name", CASES)
def test_a_mutated_record_is_a_mismatch_even_where_a_rule_allows_a_difference(name: str):
    for what, mutated in mutations(CASES[name]):
        assert judge(mutated).outcome == "mismatch", what


def test_our_own_answer_mutated_is_a_mismatch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(actions.ACTIONS, "click", lambda arguments, frame: Click(x=1, y=1))
    monkeypatch.setitem(actions.ACTIONS, "type", lambda arguments, frame: TypeText(text="other"))
    assert judge(CASES["click_basic"]).outcome == "mismatch"
    assert judge(CASES["type_plain"]).outcome == "mismatch"
    assert judge(CASES["click_out_of_range"]).outcome == "mismatch", "a rule says that we refuse; now we act"


def test_a_difference_that_no_rule_allows_is_a_mismatch_that_says_what_differs():
    case = copy.deepcopy(CASES["type_plain"])
    case["reference_actions"][0]["action_inputs"]["content"] = "hello World"
    verdict = judge(case)
    assert verdict.outcome == "mismatch"
    assert "'hello world', recorded 'hello World'" in verdict.detail


def test_version_one_cases_are_read_in_thousandths():
    case = {
        "name": "v1", "input": "Action: click(start_box='(500,250)')", "screen": [1920, 1080], "model_type": "qwen2vl",
        "factor": 1000, "reference_pyautogui": ["pyautogui.click(960.0, 270.0, button='left')"],
    }  # fmt: skip
    assert judge(case).outcome == "match"
    assert judge({**case, "factor": 999}).outcome == "mismatch"


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "x", "screen": [1, 1], "resized": [28, 28]},
        {"name": "x", "input": "", "screen": [1920, 1080]},
        {"name": "x", "input": "", "screen": [0, 1080], "resized": [28, 28]},
        {"name": "x", "input": "", "screen": "1080p", "resized": [28, 28]},
        {"name": "x", "input": "", "screen": [1920, 1080], "resized": [28, 28], "max_pixels": "many"},
        {"input": "", "screen": [1920, 1080], "resized": [28, 28]},
    ],
)
def test_a_case_that_is_none_is_refused_with_a_sentence(broken: dict[str, Any]):
    with pytest.raises(ConfigError):
        judge(broken)


def test_recorded_code_is_read_and_never_run():
    assert effects_of_code("import os\nos.system('true')\npyautogui.click(-1.5, 2.0, button='left')") == [
        ("unknown", effects_of_code("os.system('true')")[0][1]),  # type: ignore[index]
        ("click", -1.5, 2.0, "left"),
    ]
    assert effects_of_code("pyautogui.write('a\nb')") is None
    assert effects_of_code("# nothing") == []
    assert same_effects([("click", 1.0)], [("click", 1.0 + 5e-7)])
    assert not same_effects([("click", 1.0)], [("click", 1.0 + 2e-6)])


def test_a_screen_that_no_model_can_see_is_read_by_neither_side():
    case = {"name": "x", "input": "Action: wait()", "screen": [28, 6000], "resized": None, "arpo_format_reward": -1.0}
    assert judge(case).outcome == "match"
    assert judge({**case, "arpo_format_reward": 0.0}).outcome == "mismatch"


def test_a_record_that_holds_only_what_was_done_is_compared_all_the_same():
    case = {key: CASES["click_basic"][key] for key in ("name", "screen", "model_type", "factor", "resized")}
    limits = {key: CASES["click_basic"][key] for key in ("max_pixels", "min_pixels")}
    wait = {"action_type": "wait", "action_inputs": {}, "thought": None}
    for recorded in ([], [wait, wait]):
        assert judge({**case, **limits, "input": "Action: wait()", "reference_actions": recorded}).outcome == "mismatch"
    assert judge({**case, **limits, "input": "Action: wait()", "reference_actions": [wait]}).outcome == "match"
    refused = judge({**case, **limits, "input": "garbage without marker", "reference_actions": [wait]})
    assert refused.outcome != "match", "we refuse what was done there"
