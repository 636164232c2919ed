"""The grammar of calls: what a reply may hold, and that hostile text is refused by name and by nothing else."""

from __future__ import annotations

import json
import time

import pytest

from arpo_engine.agents import QwenVlAgent, UiTarsAgent
from arpo_engine.agents.base import Agent
from arpo_engine.agents.grammar import MOST_CHARACTERS, read_calls, unescape
from arpo_engine.contract.actions import Click, Fail, Finished, Several, TypeText, Wait, unfolded
from arpo_engine.contract.config.parts import QwenVlAgentConfig, UiTarsAgentConfig
from arpo_engine.contract.errors import ActionUnreadable

SCREEN = (1920, 1080)
PATIENT = UiTarsAgent(UiTarsAgentConfig(actions_per_reply=16))
CALLER = QwenVlAgent(QwenVlAgentConfig(actions_per_reply=16))


def tool_call(**arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'computer_use', 'arguments': arguments})}\n</tool_call>"


def content_of(text: str) -> str:
    action = PATIENT.parse(f"Action: {text}", SCREEN).action
    assert isinstance(action, TypeText)
    return action.text


def test_several_actions_stand_apart_by_an_empty_line_and_keep_their_order():
    reply = "Action: click(start_box='(966,546)')\n\ntype(content='abc')\n\nfinished(content='ok')"
    assert PATIENT.parse(reply, SCREEN).action == Several(
        actions=(Click(x=960, y=540), TypeText(text="abc"), Finished(answer="ok"))
    )


def test_what_follows_an_ending_action_is_never_carried_out():
    action = PATIENT.parse("Action: wait()\n\ncall_user()\n\nclick(start_box='(1,2)')", SCREEN).action
    assert unfolded(action) == (Wait(seconds=5.0), Fail())


def test_a_reply_may_hold_as_many_actions_as_the_config_says():
    reply = "Action: wait()\n\nwait()\n\nwait()"
    assert isinstance(UiTarsAgent(UiTarsAgentConfig(actions_per_reply=3)).parse(reply, SCREEN).action, Several)
    with pytest.raises(ActionUnreadable, match=r"3 actions, and agent\.actions_per_reply = 2"):
        UiTarsAgent(UiTarsAgentConfig(actions_per_reply=2)).parse(reply, SCREEN)
    with pytest.raises(ActionUnreadable, match="one action only"):
        UiTarsAgent(UiTarsAgentConfig()).parse(reply, SCREEN)


@pytest.mark.parametrize("between", ["\n", " ", "; ", " and then "])
def test_actions_that_do_not_stand_apart_are_refused(between: str):
    with pytest.raises(ActionUnreadable, match="empty line"):
        PATIENT.parse(f"Action: wait(){between}wait()", SCREEN)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\nb\tc", "a\nb\tc"),
        (r"\x41\u4e2d\U0001F600\101\N{BULLET}", "A中😀A•"),
        (r"\d\q", r"\d\q"),
        (r"C:\\new", r"C:\new"),
        (r"it\'s \"so\"", 'it\'s "so"'),
        ("over\\\nlines", "overlines"),
    ],
)
def test_escapes_are_those_of_a_python_string(written: str, meant: str):
    assert unescape(written) == meant


@pytest.mark.parametrize("written", [r"\x4", r"\u12", r"C:\users", r"\N{no such name}", r"\N", r"\UFFFFFFFF"])
def test_an_escape_that_names_nothing_is_refused(written: str):
    with pytest.raises(ActionUnreadable, match="escape"):
        unescape(written)


def test_an_apostrophe_in_a_content_is_read_where_the_call_can_end_in_one_way_only():
    assert content_of("type(content='it's a 'test'')") == "it's a 'test'"
    with pytest.raises(ActionUnreadable):
        content_of("type(content='f('x')')")


def test_a_comment_may_follow_a_call_as_the_prompt_itself_shows():
    assert PATIENT.parse("Action: wait() #Sleep for 5s", SCREEN).action == Wait(seconds=5.0)


def test_thought_and_action_may_share_a_line():
    reply = PATIENT.parse("Thought: the word Action: is mine. Action: click(start_box='(966,546)')", SCREEN)
    assert (reply.thought, reply.action) == ("the word Action: is mine.", Click(x=960, y=540))


@pytest.mark.parametrize("agent", [PATIENT, CALLER], ids=["ui_tars", "qwen_vl"])
def test_a_reply_of_ten_megabytes_is_refused_at_once(agent: Agent):
    started = time.process_time()
    for reply in ("Action: type(content='" + "a" * 10_000_000 + "')", "<tool_call>" * 1_000_000):
        with pytest.raises(ActionUnreadable, match="characters, and more than"):
            agent.parse(reply, SCREEN)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    "tail", ["(" * 100_000, "'" * 100_000, "\\" * 100_000, "\n" * 100_000, "a='b'," * 20_000, "click(" + " " * 100_000]
)
def test_the_longest_reply_that_is_read_at_all_takes_no_time(tail: str):
    text = f"Thought: {'Thought: ' * 8000}\nAction: type(content='{tail}"
    assert len(text) <= MOST_CHARACTERS
    started = time.process_time()
    with pytest.raises(ActionUnreadable):
        PATIENT.parse(text, SCREEN)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "NaN", "Infinity", "1e999", "-1", "1933", "", "0x10", "1;2"])
def test_a_coordinate_that_is_no_place_on_the_screenshot_is_refused(number: str):
    for call in (f"click(start_box='({number},2)')", f"drag(start_box='(1,2)', end_box='(3,{number})')"):
        with pytest.raises(ActionUnreadable, match="place"):
            PATIENT.parse(f"Action: {call}", SCREEN)


def test_a_number_of_thousands_of_digits_is_refused_in_a_few_words():
    with pytest.raises(ActionUnreadable) as refusal:
        PATIENT.parse(f"Action: click(start_box='({'1' * 5000},2)')", SCREEN)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize(
    "call",
    [
        "сlick(start_box='(1,2)')",  # the first letter is Cyrillic
        "ｃｌｉｃｋ(start_box='(1,2)')",
        "click（start_box='(1,2)'）",
        "click(start_box=‘(1,2)’)",
        "\u200bclick(start_box='(1,2)')",
        "click(start_box='(1,2)')\u202e",
        "click\u00a0(start_box='(1,2)')",
        "click(\u2003start_box='(1,2)')",
    ],
)
def test_letters_that_only_look_right_are_refused(call: str):
    with pytest.raises(ActionUnreadable):
        PATIENT.parse(f"Action: {call}", SCREEN)


@pytest.mark.parametrize("character", ["\0", "\r", "\x1b", "\x7f", "\x85", "\ud800"])
def test_characters_that_no_keyboard_types_are_refused(character: str):
    escaped = f"\\u{ord(character):04x}"
    for reply in (
        f"Action: type(content='a{escaped}b')",
        f"Action: finished(content='{escaped}')",
        f"Action: hotkey(key='{escaped}')",
    ):
        with pytest.raises(ActionUnreadable, match=r"no keyboard types|names no key"):
            PATIENT.parse(reply, SCREEN)
    with pytest.raises(ActionUnreadable, match="no keyboard types"):
        CALLER.parse(tool_call(action="type", text=f"a{character}b"), SCREEN)


def test_other_alphabets_are_typed_as_they_are():
    assert content_of("type(content='中文 😀 עברית e\u0301')") == "中文 😀 עברית e\u0301"


def test_arguments_are_read_as_written_and_their_meaning_is_left_to_others():
    (call,) = read_calls("""anything( a = "x" , b='y',)""")
    assert (call.name, dict(call.arguments)) == ("anything", {"a": "x", "b": "y"})
