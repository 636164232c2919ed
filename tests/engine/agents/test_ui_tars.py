"""The UI-TARS grammar: what is read, what is refused, and where we part from the published parser, with the reason."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.agents import UiTarsAgent
from arpo_engine.agents.writing import write_reply
from arpo_engine.contract.actions import (
    Action,
    Click,
    Drag,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    Several,
    TypeText,
    Wait,
)
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.errors import ActionUnreadable
from arpo_engine.contract.resize import PixelLimits

SCREEN = (1920, 1080)
CASES: dict[str, dict[str, Any]] = {
    case["name"]: case
    for case in json.loads((Path(__file__).parents[2] / "data" / "uitars_cases.json").read_text(encoding="utf-8"))
}
WITHIN_A_PIXEL = 1.0

# The published parser gives pyautogui code; these cases are compared by its numbers and words.
AGREE = [
    "click_basic", "click_bottom_right_beyond_resized", "click_box4", "click_spaces_in_box", "click_double_quotes",
    "click_small_screen_minpixels", "click_4k_maxpixels_2116800", "right_single", "select_alias",
    "hotkey_hotkey_param", "type_plain", "type_apostrophe_escaped", "type_double_quotes", "type_single_backslash",
    "type_parens_and_comma", "scroll_up_box", "finished_no_args", "thought_multiline", "chinese_thought",
]  # fmt: skip
BOTH_REFUSE = [
    "click_three_numbers", "click_no_args", "click_positional_arg", "no_action", "empty_string", "trailing_text",
    "non_numeric_box",
]  # fmt: skip
WE_REFUSE = {
    "click_out_of_range": "it clicks outside of the screen; a place that is not on the screenshot is not guessed at",
    "drag_missing_end": "it silently does nothing, which hides a broken reply from the format reward",
    "keyup": "it leaves keys half-pressed; our hotkeys press and release together",
    "unknown_action": "it becomes a comment that does nothing; the format reward should see it",
    "multi_click_type_finish": "one reply is one action: the agent has to look before it acts again",
    "two_action_markers": "the same; it drops all but the first without a word",
}
WE_READ = {
    "hotkey_three_plus": (Hotkey(keys=("ctrl", "shift", "t")), "it presses one key called 'ctrl+shift+t'"),
    "hotkey_arrow_in_combo": (Hotkey(keys=("ctrl", "right")), "it presses a key that pyautogui does not have"),
    "press_key": (Hotkey(keys=("enter",)), "it crashes on an unset variable"),
    "type_real_newline": (TypeText(text="line one\nline two"), "it types the call itself, 'type(content=…'"),
    "type_literal_backslash_n_tail": (TypeText(text="run\\n"), "it eats the last letters"),
    "hover": (Move(x=50, y=59), "the same place"),
    "type_empty": (TypeText(text=""), "it gives no action at all"),
    "type_double_quoted_arg": (TypeText(text="hello"), "it types the call itself, 'type(content=…'"),
    "scroll_left": (Scroll(x=954, y=534, direction="left"), "it does nothing"),
    "wait": (Wait(seconds=5.0), "it becomes a comment, though its prompt offers it"),
    "call_user": (Fail(), "it becomes a comment, though it is how a task is given up"),
    "reflection_summary": (Click(x=5, y=6), "the same place; its thought is the summary, as ours"),
    "thought_mentions_Action": (Click(x=5, y=6), "the same place; it cuts the thought off at the word 'Action:'"),
}


def parse(name: str) -> tuple[str, Action]:
    case = CASES[name]
    limits = PixelLimits(min_pixels=case["min_pixels"], max_pixels=case["max_pixels"])
    reply = UiTarsAgent(UiTarsAgentConfig(), limits).parse(case["input"], tuple(case["screen"]))
    return reply.thought, reply.action


def test_every_recorded_case_is_accounted_for():
    assert set(CASES) == {*AGREE, *BOTH_REFUSE, *WE_REFUSE, *WE_READ}


@pytest.mark.parametrize("name", AGREE)
def test_agrees_with_the_published_parser(name: str):
    thought, action = parse(name)
    code = CASES[name]["reference_pyautogui"][0].split("'''")[-1]
    numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", code)]
    match action:
        case Click(x=x, y=y, button=button):
            width, height = CASES[name]["screen"]
            assert (x, y) == pytest.approx(
                (min(numbers[0], width - 1), min(numbers[1], height - 1)), abs=WITHIN_A_PIXEL
            )
            assert f"button='{button}'" in code
        case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            assert (x, y, to_x, to_y) == pytest.approx(tuple(numbers[:4]), abs=WITHIN_A_PIXEL)
        case Scroll(x=x, y=y, direction="up", clicks=clicks):
            assert f"scroll({clicks}," in code
            assert (x, y) == pytest.approx(tuple(numbers), abs=WITHIN_A_PIXEL)
        case TypeText(text=text):
            assert CASES[name]["reference_actions"][0]["action_inputs"]["content"] == text
        case Hotkey(keys=keys):
            assert f"hotkey({', '.join(map(repr, keys))})" in code
        case other:
            assert isinstance(other, Finished) and code == "DONE"
    assert thought == CASES[name]["reference_actions"][0]["thought"].strip()


@pytest.mark.parametrize("name", BOTH_REFUSE)
def test_refuses_what_the_published_parser_refuses(name: str):
    assert CASES[name]["arpo_format_reward"] == -1.0
    with pytest.raises(ActionUnreadable):
        parse(name)


@pytest.mark.parametrize("name", WE_REFUSE)
def test_refuses_what_the_published_parser_lets_through(name: str):
    assert CASES[name]["arpo_format_reward"] == 0.0, WE_REFUSE[name]
    with pytest.raises(ActionUnreadable):
        parse(name)


@pytest.mark.parametrize("name", WE_READ)
def test_reads_what_the_published_parser_garbles(name: str):
    expected, _reason = WE_READ[name]
    assert parse(name)[1] == expected


@pytest.mark.parametrize(
    "call",
    [
        "click(start_box='(966,546)')",
        "click(start_box='<|box_start|>(966,546)<|box_end|>')",
        "click(point='<point>966 546</point>')",
        "click(start_box='<bbox>966 546 966 546</bbox>')",
        "click(start_box='[966, 546]')",
    ],
)
def test_all_spellings_of_a_place_mean_the_same(call: str):
    assert UiTarsAgent(UiTarsAgentConfig()).parse(f"Action: {call}", SCREEN).action == Click(x=960, y=540)


def test_version_one_writes_thousandths_of_the_screen():
    agent = UiTarsAgent(UiTarsAgentConfig(version="1.0"))
    assert agent.parse("Action: click(start_box='(500,250)')", SCREEN).action == Click(x=960, y=270)
    with pytest.raises(ActionUnreadable, match="1000 x 1000"):
        agent.parse("Action: click(start_box='(1001,250)')", SCREEN)


@pytest.mark.parametrize(
    "reply",
    [
        "Action: type(content='never closed",
        "Action: click(start_box='(1,2)'",
        "Action: click(start_box='(1,2)', start_box='(3,4)')",
        "Action: click(start_box=(1,2))",
        "Action: click(start_box='(1e9,2)')",
        "Action: scroll(start_box='(1,2)', direction='sideways')",
        "Action: scroll(start_box='(1,2)')",
        "Action: hotkey(key='')",
        "Action: type()",
        "Action: __import__('os').system('true')",
        "Action: click(start_box='(1,__import__(\"os\").getpid())')",
        "Action: ",
    ],
)
def test_garbled_calls_are_refused_with_a_sentence(reply: str):
    with pytest.raises(ActionUnreadable) as refusal:
        UiTarsAgent(UiTarsAgentConfig()).parse(reply, SCREEN)
    assert len(str(refusal.value)) > 20


@pytest.mark.parametrize(
    "action",
    [
        Click(x=14, y=42),
        Click(x=14, y=42, count=2),
        Click(x=223, y=167, button="right"),
        Drag(x=1, y=2, to_x=100, to_y=120),
        Scroll(x=14, y=42, direction="down"),
        TypeText(text='it\'s a "tab"\t and \\n, not\na newline'),
        Hotkey(keys=("ctrl", "s")),
        Wait(seconds=5.0),
        Finished(),
        Finished(answer="42"),
        Fail(),
        Move(x=3, y=4),
        Several(actions=(Click(x=1, y=2), TypeText(text="a"))),
    ],
)
def test_what_a_demonstrator_writes_is_read_back(action: Action):
    reply = UiTarsAgent(UiTarsAgentConfig(actions_per_reply=2)).parse(write_reply("click Save", action), (224, 168))
    assert (reply.thought, reply.action) == ("click Save", action)


def test_an_action_outside_of_the_grammar_is_not_written():
    with pytest.raises(ValueError, match="middle"):
        write_reply("look", Click(x=1, y=1, button="middle"))


def test_the_full_prompt_keeps_braces_of_an_instruction():
    prompt = UiTarsAgent(UiTarsAgentConfig(language="German")).user_prompt("write {x: 1}")
    assert prompt.endswith("write {x: 1}")
    assert "Use German in" in prompt


def test_the_prompt_asks_for_places_in_either_syntax():
    boxes, points = (
        UiTarsAgent(UiTarsAgentConfig(syntax=syntax)).user_prompt("do it") for syntax in ("start_box", "point")
    )
    assert "click(start_box='<|box_start|>(x1,y1)<|box_end|>')" in boxes
    assert "drag(start_point='<point>x1 y1</point>', end_point='<point>x2 y2</point>')" in points
    assert "start_box" not in points


def test_giving_up_is_offered_only_where_it_is_asked_to_and_read_in_any_case():
    silent = UiTarsAgent(UiTarsAgentConfig(offer_fail=False))
    assert "call_user" in UiTarsAgent(UiTarsAgentConfig()).user_prompt("do it")
    assert "call_user" not in silent.user_prompt("do it")
    for word in ("call_user", "error_env"):
        assert silent.parse(f"Action: {word}()", SCREEN).action == Fail()


def test_the_short_prompt_says_the_instruction_beside_every_screenshot():
    agent = UiTarsAgent(UiTarsAgentConfig(prompt="short"))
    assert (agent.system_prompt(), agent.user_prompt("Open app Mail")) == ("You are a GUI agent.", "")
    assert agent.caption("Open app Mail") == "Open app Mail"
    assert UiTarsAgent(UiTarsAgentConfig()).caption("Open app Mail") == ""
