"""The computer_use tool of Qwen2.5-VL and Qwen3-VL: every action, every way of being unreadable, both frames."""

from __future__ import annotations

import json

import pytest

from arpo_engine.agents import QwenVlAgent
from arpo_engine.contract.actions import (
    Action,
    Click,
    DragTo,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    Several,
    TypeText,
    Wait,
)
from arpo_engine.contract.config.parts import QwenVlAgentConfig
from arpo_engine.contract.errors import ActionUnreadable
from arpo_engine.contract.resize import PixelLimits

SCREEN = (1920, 1080)
LIMITS = PixelLimits(max_pixels=2116800)
TWO_FIVE = QwenVlAgent(QwenVlAgentConfig(), LIMITS)
THREE = QwenVlAgent(QwenVlAgentConfig(series="3"), LIMITS)


def call(name: str = "computer_use", **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ({"action": "left_click", "coordinate": [966, 546]}, Click(x=960, y=540)),
        ({"action": "right_click", "coordinate": [966, 546]}, Click(x=960, y=540, button="right")),
        ({"action": "middle_click", "coordinate": [966, 546]}, Click(x=960, y=540, button="middle")),
        ({"action": "double_click", "coordinate": [966, 546]}, Click(x=960, y=540, count=2)),
        ({"action": "triple_click", "coordinate": [966, 546]}, Click(x=960, y=540, count=3)),
        ({"action": "mouse_move", "coordinate": [966.0, 546]}, Move(x=960, y=540)),
        ({"action": "left_click_drag", "coordinate": [966, 546]}, DragTo(x=960, y=540)),
        ({"action": "type", "text": "it's\n"}, TypeText(text="it's\n")),
        ({"action": "key", "keys": ["Control", "s"]}, Hotkey(keys=("ctrl", "s"))),
        ({"action": "scroll", "pixels": -3, "coordinate": [0, 0]}, Scroll(x=0, y=0, direction="down", clicks=3)),
        ({"action": "scroll", "pixels": 500}, Scroll(x=960, y=540, direction="up", clicks=100)),
        ({"action": "hscroll", "pixels": 2}, Scroll(x=960, y=540, direction="right", clicks=2)),
        ({"action": "wait", "time": 2.5}, Wait(seconds=2.5)),
        ({"action": "wait"}, Wait(seconds=1.0)),
        ({"action": "terminate", "status": "success"}, Finished()),
        ({"action": "terminate", "status": "failure"}, Fail()),
        ({"action": "answer", "text": "42"}, Finished(answer="42")),
    ],
)
def test_every_action_of_the_tool_is_read(arguments: dict[str, object], meant: Action):
    reply = TWO_FIVE.parse(f"Action: do it\n{call(**arguments)}", SCREEN)
    assert (reply.thought, reply.action) == ("do it", meant)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I click.",
        '<tool_call>{"name": "computer_use", "arguments": {"action": "wait"}}',
        "<tool_call></tool_call>",
        "<tool_call>[]</tool_call>",
        "<tool_call>{'name': 'computer_use'}</tool_call>",
        '<tool_call>{"name": "computer_use"}</tool_call>',
        '<tool_call>{"name": "computer_use", "arguments": {"action": "wait", "action": "type"}}</tool_call>',
        '<tool_call>{"name": "computer_use", "arguments": {"action": "wait", "time": NaN}}</tool_call>',
        f'<tool_call>{{"name": "computer_use", "arguments": {{"action": {"[" * 5000}</tool_call>',
        call("shell", action="wait"),
        call(action="explode"),
        call(action=["wait"]),
        call(action="left_click"),
        call(action="left_click", coordinate="10,20"),
        call(action="left_click", coordinate=[1]),
        call(action="left_click", coordinate=[1, "2"]),
        call(action="left_click", coordinate=[True, 2]),
        call(action="left_click", coordinate=[1, 10**400]),
        call(action="left_click", coordinate=[-1, 2]),
        call(action="left_click", coordinate=[1, 1093]),
        call(action="type"),
        call(action="type", text=["rm"]),
        call(action="key", keys=[]),
        call(action="key", keys="ctrl"),
        call(action="key", keys=["a"] * 9),
        call(action="key", keys=[""]),
        call(action="scroll", pixels=0),
        call(action="scroll"),
        call(action="wait", time=1e9),
        call(action="wait", time="soon"),
        call(action="terminate", status="maybe"),
    ],
)
def test_whatever_is_not_the_tool_is_refused_with_a_sentence(reply: str):
    with pytest.raises(ActionUnreadable) as refusal:
        TWO_FIVE.parse(reply, SCREEN)
    assert 20 < len(str(refusal.value)) < 400


def test_two_point_five_points_into_the_resized_screenshot_and_three_into_a_grid_from_0_to_999():
    click = call(action="left_click", coordinate=[999, 999])
    assert TWO_FIVE.parse(click, SCREEN).action == Click(x=round(999 * 1920 / 1932), y=round(999 * 1080 / 1092))
    assert THREE.parse(click, SCREEN).action == Click(x=1919, y=1079)
    assert THREE.parse(call(action="left_click", coordinate=[1000, 0]), SCREEN).action == Click(x=1919, y=0)
    with pytest.raises(ActionUnreadable, match="999 x 999"):
        THREE.parse(call(action="left_click", coordinate=[1001, 0]), SCREEN)


def test_several_calls_in_one_reply_need_the_config_to_allow_them():
    reply = call(action="mouse_move", coordinate=[0, 0]) + "\n" + call(action="left_click_drag", coordinate=[0, 0])
    allowed = QwenVlAgent(QwenVlAgentConfig(actions_per_reply=2), LIMITS)
    assert allowed.parse(reply, SCREEN).action == Several(actions=(Move(x=0, y=0), DragTo(x=0, y=0)))
    with pytest.raises(ActionUnreadable, match="actions_per_reply"):
        TWO_FIVE.parse(reply, SCREEN)


def test_the_instruction_stands_beside_the_first_screenshot_with_what_was_done_before():
    assert TWO_FIVE.user_prompt("Save {it}") == ""
    assert TWO_FIVE.caption("Save {it}") == ""
    assert TWO_FIVE.caption("Save {it}", ()).endswith("Instruction: Save {it}\n\nPrevious actions:\nNone")
    told = TWO_FIVE.caption("Save", ("click {instruction}", "type"))
    assert told.endswith("Previous actions:\nStep 1: click {instruction}\nStep 2: type")


@pytest.mark.parametrize("series", ["2.5", "3"])
def test_the_tool_offers_failure_only_where_it_is_asked_to(series: str):
    def statuses(offer: bool) -> list[str]:
        system = QwenVlAgent(QwenVlAgentConfig(series=series, offer_fail=offer)).system_prompt()  # type: ignore[arg-type]
        tools = system.partition("<tools>\n")[2].partition("\n</tools>")[0]
        return json.loads(tools)["function"]["parameters"]["properties"]["status"]["enum"]

    assert statuses(True) == ["success", "failure"]
    assert statuses(False) == ["success"]
    assert ("1000x1000" in QwenVlAgent(QwenVlAgentConfig(series=series)).system_prompt()) is (series == "3")  # type: ignore[arg-type]
