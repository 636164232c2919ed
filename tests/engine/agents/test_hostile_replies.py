"""Ten thousand hostile replies for each parser: no exception but the named one, and nothing that an event cannot hold.

Hypothesis draws them (always the same ones) and shrinks what fails to the shortest reply that does.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arpo_engine.agents import QwenVlAgent, UiTarsAgent
from arpo_engine.agents.base import Agent
from arpo_engine.contract.actions import unfolded
from arpo_engine.contract.config.parts import QwenVlAgentConfig, UiTarsAgentConfig
from arpo_engine.contract.errors import ActionUnreadable

SCREENS = ((1920, 1080), (28, 28), (2560, 1440))
UI_TARS = (
    UiTarsAgent(UiTarsAgentConfig(actions_per_reply=16)),
    UiTarsAgent(UiTarsAgentConfig(actions_per_reply=16, version="1.0")),
)
QWEN_VL = (
    QwenVlAgent(QwenVlAgentConfig(actions_per_reply=16)),
    QwenVlAgent(QwenVlAgentConfig(actions_per_reply=16, series="3")),
)
HOSTILE = settings(
    max_examples=10_000,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large],
)

PIECES = (
    "Thought: ", "Action:", "Action: ", "Action_Summary:", "Reflection:", "\n", "\n\n", " ", "click", "type", "hotkey",
    "drag", "scroll", "finished", "wait", "call_user", "(", ")", "()", "[", "]", "start_box=", "end_box=", "point=",
    "content=", "key=", "direction=", "'", '"', "\\", "\\x4", "\\u", "\\ud800", "\\N{", "}", ",", "(1,2)", "(960,540)",
    "<point>1 2</point>", "<|box_start|>", "<|box_end|>", "<|im_end|>", "nan", "inf", "1e999", "-0", "9" * 40, "\0",
    "\r", "\u202e", "\u200b", "\ud83d", "ﬁ", "١٢", "__import__('os')", "#", ";", "{}", "<tool_call>", "</tool_call>",
    '{"name": "computer_use", "arguments": ', '{"action": "left_click", ', '"coordinate": ', "[1, 2]", "[NaN, 2]",
    "null", "1" * 5000, "[" * 3000, "true", '"keys": ["ctrl"]', "}}", '"text": "', "lambda: 0",
)  # fmt: skip
GOOD_CALLS = (
    "Thought: x\nAction: click(start_box='(960,540)')\n\ntype(content='it\\'s')",
    "Action: drag(start_box='<|box_start|>(1,2)<|box_end|>', end_box='(3,4)')",
    "Thought: y Action: scroll(point='<point>1 2</point>', direction='down')",
    "Action: hotkey(key='ctrl s')\n\nfinished(content='don't')",
)
GOOD_TOOL_CALLS = tuple(
    f"{json.dumps({'name': 'computer_use', 'arguments': arguments})}"
    for arguments in (
        {"action": "left_click", "coordinate": [10, 20]},
        {"action": "key", "keys": ["ctrl", "s"]},
        {"action": "scroll", "pixels": -3, "coordinate": [5, 5]},
        {"action": "terminate", "status": "failure"},
    )
)

any_text = st.text(st.characters(codec=None), max_size=12)
piece = st.one_of(st.sampled_from(PIECES), any_text)
heap = st.lists(piece, min_size=1, max_size=24).map("".join)


@st.composite
def spoilt(draw: st.DrawFn, good: tuple[str, ...]) -> str:
    """A good reply with some of its characters lost, changed or moved in from elsewhere."""
    text = draw(st.sampled_from(good))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(piece) + text[at + draw(st.integers(0, 3)) :]
    return text


quoted = piece.map(lambda words: f"'{words}'")
number = st.one_of(st.integers(0, 3000), st.floats(), st.integers())
place = st.lists(number, min_size=1, max_size=4).map(lambda given: f"'({','.join(map(str, given))})'")
word = st.one_of(quoted, place)
call = st.one_of(
    st.builds("{}(start_box={})".format, st.sampled_from(["click", "left_double", "scroll", "wait", "x"]), place),
    st.builds("drag(start_box={}, end_box={})".format, place, place),
    st.builds("{}(content={})".format, st.sampled_from(["type", "finished"]), word),
    st.builds("hotkey(key={})".format, word),
    st.builds("scroll(point={}, direction={})".format, place, st.one_of(st.just("'up'"), word)),
)
calls = st.lists(call, min_size=1, max_size=3).map(lambda found: "Action: " + "\n\n".join(found))

leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text)
anything = st.one_of(leaf, st.lists(leaf, max_size=3), st.dictionaries(any_text, leaf, max_size=2))
near = st.lists(st.integers(0, 27), min_size=2, max_size=2)
pair = st.one_of(near, st.lists(number, min_size=2, max_size=2))


def of_tool(action: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"action": st.just(action), **arguments})


tool_arguments = st.one_of(
    *[of_tool(action, coordinate=st.one_of(pair, anything)) for action in ("left_click", "triple_click", "mouse_move")],
    of_tool("type", text=st.one_of(any_text, anything)),
    of_tool("answer", text=any_text),
    of_tool("key", keys=st.one_of(st.lists(any_text, max_size=3), anything)),
    of_tool("scroll", pixels=st.one_of(number, anything)),
    of_tool("hscroll", pixels=number, coordinate=pair),
    of_tool("wait", time=st.one_of(number, anything)),
    of_tool("terminate", status=st.one_of(st.sampled_from(["success", "failure"]), anything)),
    anything,
)


def block(inside: str) -> str:
    return f"<tool_call>\n{inside}\n</tool_call>"


def tool_call(arguments: Any) -> str:
    return block(json.dumps({"name": "computer_use", "arguments": arguments}))


tool_calls = st.lists(tool_arguments.map(tool_call), min_size=1, max_size=2).map("\n".join)


def judge(agents: tuple[Agent, ...], text: str, counted: Counter[str]) -> None:
    """Every agent reads the reply or refuses it by name; what it reads goes into an event and out of it."""
    for number, agent in enumerate(agents):
        screen = SCREENS[(len(text) + number) % len(SCREENS)]
        try:
            reply = agent.parse(text, screen)
        except ActionUnreadable as refusal:
            counted["refused"] += 1
            assert 20 < len(str(refusal)) < 500
            continue
        counted["read"] += 1
        for one in unfolded(reply.action):
            assert type(one).model_validate_json(one.model_dump_json()) == one, "an event could not hold it"


def test_ten_thousand_hostile_calls_raise_nothing_but_the_named_error():
    counted: Counter[str] = Counter()

    @HOSTILE
    @given(st.one_of(heap, spoilt(GOOD_CALLS), calls))
    def fuzz(text: str) -> None:
        judge(UI_TARS, text, counted)

    fuzz()
    assert min(counted["read"], counted["refused"]) > 300, "a fuzz that always ends alike tests nothing"


def test_ten_thousand_hostile_tool_calls_raise_nothing_but_the_named_error():
    counted: Counter[str] = Counter()

    @HOSTILE
    @given(st.one_of(heap, spoilt(GOOD_TOOL_CALLS).map(block), tool_calls))
    def fuzz(text: str) -> None:
        judge(QWEN_VL, text, counted)

    fuzz()
    assert min(counted["read"], counted["refused"]) > 300, "a fuzz that always ends alike tests nothing"


@pytest.mark.parametrize("depth", [1, 100, 500, *range(900, 1010, 7), 3000, 90_000])
def test_values_nested_as_deep_as_python_goes_are_refused_as_well(depth: int):
    nested = "[" * depth + "]" * depth
    text = block(f'{{"name": "computer_use", "arguments": {{"action": "left_click", "coordinate": {nested}}}}}')
    with pytest.raises(ActionUnreadable):
        QWEN_VL[0].parse(text, SCREENS[0])
